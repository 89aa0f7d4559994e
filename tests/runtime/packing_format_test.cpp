// SPDX-License-Identifier: MIT
#include <prunus/runtime/direct_convolution.hpp>
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/runtime/packing_format.hpp>
#include <prunus/runtime/sparse_convolution.hpp>
#include <prunus/runtime/sparse_format.hpp>
#include <prunus/runtime/sparse_linear.hpp>
#include <prunus/runtime/thread_pool.hpp>

#include "support/catch.hpp"
#include "support/random_source.hpp"

#include <array>        // std::array
#include <cstdint>      // std::int32_t
#include <set>          // std::set
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <type_traits>  // std::is_constructible_v
#include <vector>       // std::vector

namespace {

using prunus::channel_epilogue;
using prunus::Index;

/// A format of a user's own: a list of coordinates, rows in reverse.
template <class S>
class coordinates_packed {
 public:
  static constexpr int rows_together = 1;

  void begin_part(Index) {}
  template <class LineOf>
  void pack(const S* weights, Index terms, Index first, std::span<const std::int32_t> order,
            Index begin, Index end, const LineOf& line) {
    for (const std::int32_t r : order) {
      const auto row = static_cast<std::int32_t>(first + r);
      if (begin == 0) rows_.push_back(row);
      for (Index k = begin; k < end; ++k)
        if (weights[r * terms + k] != 0) taps_.push_back({row, line(k), weights[r * terms + k]});
    }
  }
  [[nodiscard]] Index size() const { return static_cast<Index>(taps_.size()); }
  [[nodiscard]] Index bytes() const { return size() * static_cast<Index>(sizeof(tap)); }
  [[nodiscard]] Index panels() const { return static_cast<Index>(rows_.size()); }
  [[nodiscard]] std::span<const std::int32_t> rows(Index first, Index last) const {
    return std::span(rows_).subspan(static_cast<std::size_t>(first),
                                    static_cast<std::size_t>(last - first));
  }
  void multiply(const S* lines, Index line_pitch, Index positions,
                const channel_epilogue<S>& epilogue, S* out, Index pitch, Index first,
                Index last) const noexcept {
    for (const std::int32_t row : rows(first, last))
      for (Index t = 0; t < positions; ++t) {
        S sum = 0;
        for (const tap& a : taps_)
          if (a.row == row) sum += a.weight * lines[a.line * line_pitch + t];
        if (epilogue.scale != nullptr) sum *= epilogue.scale[row];
        if (epilogue.shift != nullptr) sum += epilogue.shift[row];
        out[row * pitch + t] = epilogue.relu && sum < 0 ? S(0) : sum;
      }
  }
  void multiply(const S* x, S* y) const noexcept {
    for (const std::int32_t row : rows_) y[row] = 0;
    for (const tap& a : taps_) y[a.row] += a.weight * x[a.line];
  }

 private:
  struct tap {
    std::int32_t row;
    Index line;
    S weight;
  };
  std::vector<tap> taps_;
  std::vector<std::int32_t> rows_;
};

struct coordinates {
  static constexpr std::string_view name = "coordinates";
  static constexpr bool skips_single_zeros = true;
  template <class S, class Line, int MostRows>
  using packed = coordinates_packed<S>;
  template <class S>
  static std::vector<std::int32_t> order_of(const S*, Index rows, Index) {
    std::vector<std::int32_t> order;
    for (Index r = rows; r-- > 0;) order.push_back(static_cast<std::int32_t>(r));
    return order;
  }
};
static_assert(prunus::packing_format<coordinates>);
static_assert(!prunus::packing_format<prunus::sparse_format>);
static_assert(!std::is_constructible_v<prunus::sparse_format, coordinates>);

/// Small whole numbers, exact whatever the order of summation.
std::vector<float> whole_numbers(Index count, support::random_source& random, double kept = 1) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = random.chance(kept) ? static_cast<float>(random.between(-4, 4)) : 0;
  return values;
}

}  // namespace

TEST_CASE("a convolution takes a format of the user's own", "[runtime][sparse]") {
  support::random_source random(21);
  const std::array<prunus::convolution_shape, 3> shapes = {{
      {.in_channels = 6,
       .out_channels = 4,
       .height = 7,
       .width = 5,
       .kernel_height = 3,
       .kernel_width = 3,
       .stride_height = 2,
       .padding_height = 1,
       .padding_width = 1,
       .groups = 2},
      {.in_channels = 3, .out_channels = 5, .height = 8, .width = 16},
      {.in_channels = 40,
       .out_channels = 3,
       .height = 40,
       .width = 40,
       .kernel_height = 3,
       .kernel_width = 3},
  }};
  for (const prunus::convolution_shape& s : shapes) {
    CAPTURE(s.in_channels);
    const std::vector<float> weights = whole_numbers(s.weight_size(), random, 0.3),
                             x = whole_numbers(2 * s.in_size(), random),
                             shift = whole_numbers(s.out_channels, random);
    const channel_epilogue<float> epilogue{.shift = shift.data(), .relu = true};
    std::vector<float> expected(static_cast<std::size_t>(2 * s.out_size())), y(expected.size()),
        by_threads(expected.size());
    const prunus::direct_convolution<float> dense(s);
    std::vector<float> scratch(static_cast<std::size_t>(dense.scratch_size()));
    dense.forward(x.data(), weights.data(), epilogue, expected.data(), 2, scratch.data());

    const prunus::sparse_convolution<float> sparse(s, weights.data(), coordinates{});
    scratch.resize(static_cast<std::size_t>(sparse.scratch_size()));
    sparse.forward(x.data(), epilogue, y.data(), 2, scratch.data());
    CHECK(y == expected);
    prunus::thread_pool pool(2);
    sparse.forward(x.data(), epilogue, by_threads.data(), 2, scratch.data(), pool);
    CHECK(by_threads == expected);
  }
}

TEST_CASE("a linear layer takes a format of the user's own", "[runtime][sparse]") {
  support::random_source random(22);
  for (const prunus::linear_shape& s :
       {prunus::linear_shape{.in = 9, .out = 7}, prunus::linear_shape{.in = 9000, .out = 3}})
    for (const Index samples : {1, 20}) {
      CAPTURE(s.in, samples);
      const std::vector<float> weights = whole_numbers(s.in * s.out, random, 0.3),
                               x = whole_numbers(samples * s.in, random),
                               bias = whole_numbers(s.out, random);
      std::vector<float> expected(static_cast<std::size_t>(samples * s.out)), y(expected.size()),
          scratch(static_cast<std::size_t>(prunus::linear_scratch_size<float>(s)));
      prunus::linear_forward(s, x.data(), weights.data(), {.shift = bias.data(), .relu = true},
                             expected.data(), samples, scratch.data());
      const prunus::sparse_linear<float> sparse(s, weights.data(), coordinates{});
      scratch.resize(static_cast<std::size_t>(sparse.scratch_size()));
      sparse.forward(x.data(), {.shift = bias.data(), .relu = true}, y.data(), samples,
                     scratch.data());
      CHECK(y == expected);
      CHECK(sparse.packed_bytes() >= sparse.packed_weights());
    }
}

TEST_CASE("every listed format has a name of its own and finds itself", "[runtime][sparse]") {
  std::set<std::string_view> names;
  for (const prunus::sparse_format format : prunus::all_sparse_formats) {
    names.insert(prunus::name_of(format));
    bool itself = false;
    format.visit([&](auto chosen) { itself = prunus::sparse_format(chosen) == format; });
    CHECK(itself);
  }
  CHECK(names.size() == prunus::all_sparse_formats.size());
}
