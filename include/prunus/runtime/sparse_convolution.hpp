// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/runtime/detail/any_packing.hpp>
#include <prunus/runtime/detail/convolution_grid.hpp>
#include <prunus/runtime/packing_format.hpp>
#include <prunus/runtime/sparse_format.hpp>
#include <prunus/runtime/thread_pool.hpp>
#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::clamp, std::min
#include <bit>        // std::popcount
#include <concepts>   // std::floating_point
#include <cstddef>    // std::size_t
#include <cstdint>    // std::int32_t
#include <limits>     // std::numeric_limits
#include <memory>     // std::shared_ptr
#include <span>       // std::span
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// 2-D cross-correlation that does not compute what its zeros would contribute, for any kernel,
/// stride, padding and groups.
///
///     prunus::sparse_convolution<float> convolution{{.in_channels = 64, ...}, weights.data(),
///                                                   prunus::formats::blocks_of<8>{}};
///     std::vector<float> scratch(convolution.scratch_size());
///     convolution.forward(x, {.shift = bias, .relu = true}, y, images, scratch.data());
///
/// Every weight that is left is one multiply-add of a shifted line of a zero-padded plane into a
/// tile of registers, as in `direct_convolution`, its dense twin; there is no im2col, which costs
/// more than the zeros save. The weights are packed once, when the object is made: pack again after
/// they have changed, copies share them. Which format suits which weights: `sparse_format`; which
/// is fastest here: `fastest_kernel`.
///
/// All calls are const, allocate nothing and use only the `scratch` they are given, so that threads
/// can share the object. A weight that is zero takes no part, so NaN or infinity in an input that
/// only zeros read do not reach the output. Rounding: the order of summation depends on the format
/// and on the width of the machine's registers, not on the number of threads.
template <std::floating_point S>
class sparse_convolution {
 public:
  /// @param weights out x in/groups x kernel_height x kernel_width, row-major; only read here
  /// Cost: a few passes over the weights; see the format.
  /// @throws shape_error (shape_mismatch: see `validate`; an image or weights of more than 2^31
  ///         numbers)
  template <packing_format Format>
  sparse_convolution(const convolution_shape& shape, const S* weights, Format)
      : sparse_convolution(shape) {
    pack<Format>(weights);
  }
  sparse_convolution(const convolution_shape& shape, const S* weights, sparse_format format)
      : sparse_convolution(shape) {
    format.visit([&]<class Format>(Format) { pack<Format>(weights); });
  }

  [[nodiscard]] const convolution_shape& shape() const noexcept { return shape_; }
  /// Weights packed: those that are not zero, and the zeros that share a block with them.
  [[nodiscard]] Index packed_weights() const noexcept { return packed_->size(); }
  /// Bytes of them and of what tells where they belong.
  [[nodiscard]] Index packed_bytes() const noexcept { return packed_->bytes(); }
  /// Multiply-adds of one image, those on padding included.
  [[nodiscard]] Index macs() const noexcept {
    return packed_->size() * shape_.out_height() * shape_.out_width();
  }
  /// Numbers of scratch memory that `forward` needs, at least 1.
  [[nodiscard]] Index scratch_size() const noexcept {
    return flat_ ? 1 : in_size() + shape_.out_channels * strip_pitch_;
  }

  /// y = epilogue(x * weights).
  /// @pre x: images x in x H x W, y: images x out x H' x W', not overlapping; scratch:
  ///      scratch_size() numbers
  void forward(const S* x, const channel_epilogue<S>& epilogue, S* y, Index images,
               S* scratch) const noexcept {
    for (Index n = 0; n < images; n += grid_.images) {
      const block b = block_of(x, y, n, images, scratch);
      spread(b, 0, shape_.in_channels);
      multiply(b, epilogue, 0, packed_->panels());
    }
  }

  /// The same on several threads, which share the output channels. Pays for layers of a few million
  /// multiply-adds and more.
  void forward(const S* x, const channel_epilogue<S>& epilogue, S* y, Index images, S* scratch,
               thread_pool& pool) const {
    const Index shares = pool.threads();
    const auto begin = [shares](Index share, Index of) { return share * of / shares; };
    for (Index n = 0; n < images; n += grid_.images) {
      const block b = block_of(x, y, n, images, scratch);
      if (!flat_)
        pool.run(shares, [&](Index share, Index) {
          const Index first = begin(share, shape_.in_channels);
          spread(b, first, begin(share + 1, shape_.in_channels) - first);
        });
      pool.run(shares, [&](Index share, Index) {
        multiply(b, epilogue, begin(share, packed_->panels()), begin(share + 1, packed_->panels()));
      });
    }
  }

 private:
  /// A few images that are computed together, and the scratch memory for them.
  struct block {
    const S* x;
    S* y;
    Index count;
    S *lines, *sums;
  };

  /// All but the weights.
  explicit sparse_convolution(const convolution_shape& shape)
      : shape_((validate(shape), shape)), grid_(shape, detail::lanes<S>), flat_(is_flat(shape)) {
    const Index most = std::numeric_limits<std::int32_t>::max();
    if (in_size() > most || shape.weight_size() > most)
      throw shape_error(errc::shape_mismatch,
                        "sparse_convolution: an image or the weights hold more than 2^31 numbers");
    if (flat_) {
      grid_.images = 1;
      grid_.in_plane = shape.height * shape.width;
    }
    cut_into_strips();
  }

  /// Planes can be read and written where they stand: nothing is padded, nothing skipped, and they
  /// are whole registers.
  [[nodiscard]] static bool is_flat(const convolution_shape& s) noexcept {
    return s.kernel_area() == 1 && s.stride_height == 1 && s.stride_width == 1 &&
           s.padding_height == 0 && s.padding_width == 0 &&
           s.height * s.width % detail::lanes<S> == 0;
  }

  [[nodiscard]] Index in_size() const noexcept {
    return shape_.in_channels * grid_.phases() * grid_.in_plane;
  }

  /// Rows of outputs whose sums stay in the second level of the cache together.
  void cut_into_strips() noexcept {
    constexpr Index cached = Index{1} << 16;
    strip_rows_ = grid_.images > 1 ? grid_.rows.out
                                   : std::clamp(cached / (shape_.out_channels * grid_.pitch),
                                                Index{1}, grid_.rows.out);
    if (flat_)  // nothing behind a strip may be written
      while (strip_rows_ < grid_.rows.out && strip_rows_ * grid_.pitch % detail::lanes<S> != 0)
        ++strip_rows_;
    const Index positions = (grid_.images - 1) * grid_.image_pitch + strip_rows_ * grid_.pitch;
    strip_pitch_ = (positions + detail::lanes<S> - 1) / detail::lanes<S> * detail::lanes<S>;
    if (strip_pitch_ % 256 == 0) strip_pitch_ += detail::lanes<S>;  // see convolution_grid
  }

  /// Whether several taps in turn of panels of `height` outputs read the same channel, as where
  /// whole kernels were pruned.
  [[nodiscard]] bool reads_in_runs(const S* weights, std::span<const std::int32_t> order,
                                   std::size_t height) const {
    const Index terms = shape_.row_size(), area = shape_.kernel_area();
    Index taps = 0, runs = 0;
    for (; order.size() >= height; order = order.subspan(height))
      for (Index c = 0; c < terms; c += area) {
        unsigned patterns = 0;
        for (Index k = c; k < c + area; ++k)
          if (const unsigned taken = detail::takers(weights + k, terms, order.first(height));
              taken != 0) {
            ++taps;
            patterns |= 1U << taken;
          }
        runs += std::popcount(patterns);
      }
    return taps >= 3 * runs;
  }

  /// Input channels whose lines stay in the cache while one tile of all outputs is computed: in the
  /// first level where a line is read for a few multiply-adds only, in the second where for more.
  [[nodiscard]] Index cached_inputs(int height, bool single, bool in_runs) const noexcept {
    const Index cached = !single ? Index{1} << 17 : in_runs ? Index{1} << 15 : Index{1} << 13;
    const Index tile = std::min(detail::tile_vectors(height) * detail::lanes<S>, strip_pitch_);
    const Index read = tile + grid_.rows.shifts(0) * grid_.pitch + grid_.columns.shifts(0);
    return std::clamp(cached / (read * grid_.phases()), Index{1}, shape_.group_inputs());
  }

  template <packing_format Format>
  void pack(const S* weights) {
    constexpr int most_rows = detail::most_tile_rows >= 8 ? 8 : 4;
    using packing = typename Format::template packed<S, std::int32_t, most_rows>;
    const std::vector<detail::line_tap> taps = grid_.forward_taps();
    const Index terms = shape_.row_size(), outputs = shape_.group_outputs();
    std::vector<std::vector<std::int32_t>> orders;  // of the outputs of each group
    bool in_runs = Format::skips_single_zeros;
    for (Index g = 0; g < shape_.groups; ++g) {
      const S* const of_group = weights + g * outputs * terms;
      orders.push_back(Format::order_of(of_group, outputs, terms));
      in_runs = in_runs && reads_in_runs(of_group, orders.back(), packing::rows_together);
    }
    const Index inputs = shape_.group_inputs();
    const Index cached = cached_inputs(packing::rows_together, Format::skips_single_zeros, in_runs);
    const Index parts = (inputs + cached - 1) / cached;
    const auto begin = [&](Index part) { return part * inputs / parts * shape_.kernel_area(); };
    packing packed;
    for (Index p = 0; p < parts; ++p) {
      packed.begin_part(0);
      for (Index g = 0; g < shape_.groups; ++g)
        packed.pack(weights + g * outputs * terms, terms, g * outputs,
                    orders[static_cast<std::size_t>(g)], begin(p), begin(p + 1), [&](Index k) {
                      return g * inputs * grid_.phases() * grid_.in_plane +
                             taps[static_cast<std::size_t>(k)].line;
                    });
    }
    packed_ = detail::erase<S>(std::move(packed));
  }

  [[nodiscard]] block block_of(const S* x, S* y, Index n, Index images, S* scratch) const noexcept {
    return {x + n * shape_.in_size(), y + n * shape_.out_size(), std::min(grid_.images, images - n),
            scratch, scratch + in_size()};
  }

  void spread(const block& b, Index first, Index channels) const noexcept {
    if (!flat_) detail::spread_channels(grid_, b.x, b.count, b.lines, first, channels);
  }

  /// The output channels of the panels [first, last).
  void multiply(const block& b, const channel_epilogue<S>& epilogue, Index first,
                Index last) const noexcept {
    for (Index top = 0; top < grid_.rows.out; top += strip_rows_) {
      const Index rows = std::min(strip_rows_, grid_.rows.out - top), begin = top * grid_.pitch;
      const Index positions =
          (b.count - 1) * grid_.image_pitch + (rows - 1) * grid_.pitch + grid_.columns.out;
      if (flat_) {
        packed_->multiply(b.x + begin, 1, positions, epilogue, b.y + begin, grid_.in_plane, first,
                          last);
      } else {
        packed_->multiply(b.lines + begin, 1, positions, epilogue, b.sums, strip_pitch_, first,
                          last);
        collect(b, top, rows, packed_->rows(first, last));
      }
    }
  }

  /// Takes a strip of some outputs from the grid into the dense result.
  void collect(const block& b, Index top, Index rows,
               std::span<const std::int32_t> outputs) const noexcept {
    const Index height = grid_.rows.out, width = grid_.columns.out;
    for (Index n = 0; n < b.count; ++n)
      for (const Index o : outputs)
        detail::copy_rows(b.sums + o * strip_pitch_ + n * grid_.image_pitch, grid_.pitch, rows,
                          width, b.y + n * shape_.out_size() + (o * height + top) * width, width);
  }

  convolution_shape shape_;
  detail::convolution_grid grid_;
  bool flat_;
  Index strip_rows_ = 0, strip_pitch_ = 0;
  std::shared_ptr<const detail::any_packing<S>> packed_;
};

}  // namespace v0
}  // namespace prunus
