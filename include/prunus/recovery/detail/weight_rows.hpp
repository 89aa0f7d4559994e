// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/mask.hpp>
#include <prunus/core/view.hpp>

#include <Eigen/Core>

#include <concepts>  // std::floating_point
#include <cstddef>   // std::size_t
#include <cstdint>   // std::uint8_t
#include <map>       // std::map
#include <vector>    // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// Weights of a layer as rows of R, in x height x width, and which of them stay.
template <std::floating_point R>
struct weight_rows {
  Eigen::Matrix<R, Eigen::Dynamic, Eigen::Dynamic> values;             // inputs x outputs
  std::map<std::vector<std::uint8_t>, std::vector<Index>> outputs_of;  // pattern -> outputs

  template <class S>
  weight_rows(const weight_view<S>& weight, const mask& keep) {
    const Index outputs = weight.extent(axis::out), area = weight.size() / outputs;
    values.resize(area, outputs);
    mask single(tile_grid(weight, element));
    single.remove_where_removed(keep);
    std::vector<std::uint8_t> pattern(static_cast<std::size_t>(area));
    for (Index o = 0; o < outputs; ++o) {
      Index k = 0;
      for_each_of(weight, o, [&](S& w) {
        values(k, o) = static_cast<R>(w);
        pattern[static_cast<std::size_t>(k++)] = single[&w - weight.data] ? 1 : 0;
      });
      outputs_of[pattern].push_back(o);
    }
  }

  template <class S>
  void write(const weight_view<S>& weight) const {
    for (Index o = 0; o < values.cols(); ++o) {
      Index k = 0;
      for_each_of(weight, o, [&](S& w) { w = static_cast<S>(values(k++, o)); });
    }
  }

 private:
  /// Calls `use(weight)` for every weight of one output.
  template <class S, class Use>
  static void for_each_of(const weight_view<S>& weight, Index out, Use use) {
    for (Index i = 0; i < weight.extent(axis::in); ++i)
      for (Index h = 0; h < weight.extent(axis::height); ++h)
        for (Index w = 0; w < weight.extent(axis::width); ++w) use(weight(out, i, h, w));
  }
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
