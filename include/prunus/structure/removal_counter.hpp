// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/structure/cost.hpp>
#include <prunus/structure/detail/channel_structure.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/resolve.hpp>

#include <algorithm>  // std::adjacent_find
#include <cstdint>    // std::uint8_t
#include <span>       // std::span
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// Counts what a network costs when only some units of its couplings stay, without building the
/// smaller network: both the output and the input side of each layer shrink. Made for searches that
/// ask often.
///
/// It is arithmetic on shapes: it knows no weights, allows a layer to be emptied, and does not
/// count biases that a plan has to add.
class removal_counter {
 public:
  /// @throws what `resolve` throws; argument_error (out_of_range) for a scalar_bytes below 1
  template <class = compiled_on_use>
  explicit removal_counter(const graph& declared, Index scalar_bytes = 4)
      : scalar_bytes_(scalar_bytes) {
    const resolved_graph network = resolve(declared);
    const detail::channel_structure structure = detail::find_channel_structure(network);
    dense_ = cost_of(network, scalar_bytes);
    for (const std::vector<Index>& units : structure.units_of)
      units_.push_back(static_cast<Index>(units.size()));
    for (std::size_t n = 0; n < network.nodes.size(); ++n) {
      const resolved_graph::node& node = network.nodes[n];
      if (node.products > 0)  // a product for every channel of the query, and of the value
        for (std::size_t input : {node.inputs[0], node.inputs[2]}) {
          layer added{pattern_of(structure, structure.unit_of[input])};
          added.products = node.shape.plane() * network.nodes[node.inputs[1]].shape.plane();
          layers_.push_back(added);
        }
      if (node.parameters.empty()) continue;
      layer added{pattern_of(structure, structure.unit_of[n])};
      for (const parameter_declaration& p : node.parameters) {
        if (p.role == parameter_role::weight) {
          added.plane = node.shape.plane();
          added.kernel_area = p.shape.size() == 4 ? p.shape[2] * p.shape[3] : 1;
          if (const auto read = structure.read_by(network, n); !read.empty()) {
            added.in = pattern_of(structure, read);
            added.mixes = true;
          }
        } else if (detail::is_statistic(p.role)) {
          ++added.statistics;
        } else {
          added.vectors += p.size() / node.shape.channels;
        }
      }
      layers_.push_back(added);
    }
  }

  /// What stays when unit u of coupling k is kept where `keep[k][u]` is not 0; couplings in the
  /// order of `coupled_groups`. Linear in the units; one small allocation.
  /// @throws shape_error (shape_mismatch)
  template <class = compiled_on_use>
  [[nodiscard]] cost count(std::span<const std::span<const std::uint8_t>> keep) const {
    if (keep.size() != units_.size())
      throw shape_error(errc::shape_mismatch,
                        detail::concat("removal_counter: ", keep.size(), " masks for ",
                                       units_.size(), " couplings"));
    for (std::size_t k = 0; k < keep.size(); ++k)
      if (static_cast<Index>(keep[k].size()) != units_[k])
        throw shape_error(errc::shape_mismatch,
                          detail::concat("removal_counter: mask ", k, " has ", keep[k].size(),
                                         " entries, its coupling has ", units_[k], " units"));
    std::vector<Index> kept(patterns_.size());
    for (std::size_t p = 0; p < kept.size(); ++p)
      kept[p] = kept_positions(patterns_[p], keep[patterns_[p].coupling]);
    cost total;
    for (const layer& l : layers_) {
      const Index weights = kept[l.out] * (l.mixes ? kept[l.in] : 1) * l.kernel_area;
      const Index parameters = weights + kept[l.out] * l.vectors;
      total.macs += weights * l.plane + kept[l.out] * l.products;
      total.parameters += parameters;
      total.bytes += (parameters + kept[l.out] * l.statistics) * scalar_bytes_;
    }
    return total;
  }

  /// What the network costs as declared.
  [[nodiscard]] const cost& dense() const noexcept { return dense_; }

 private:
  /// How often each unit of a coupling stands along an axis. Most axes of a coupling share one
  /// pattern.
  struct pattern {
    std::size_t coupling = 0;
    std::vector<Index> copies;
    bool uniform = false;
    friend bool operator==(const pattern&, const pattern&) = default;
  };
  struct layer {
    std::size_t out = 0, in = 0;  ///< patterns
    bool mixes = false;           ///< the weight has an in axis that shrinks
    Index plane = 0;              ///< positions of the result
    Index products = 0;           ///< multiply-adds per channel of attention
    Index kernel_area = 0;        ///< 0 without a weight
    Index vectors = 0;            ///< trained values per output: bias, scale, shift, table
    Index statistics = 0;         ///< other values per output
  };

  template <class = compiled_on_use>
  [[nodiscard]] std::size_t pattern_of(const detail::channel_structure& structure,
                                       std::span<const Index> units) {
    pattern wanted;
    wanted.coupling =
        static_cast<std::size_t>(structure.coupling_of[static_cast<std::size_t>(units.front())]);
    wanted.copies.resize(structure.units_of[wanted.coupling].size());
    for (Index unit : units)
      ++wanted
            .copies[static_cast<std::size_t>(structure.number_of[static_cast<std::size_t>(unit)])];
    wanted.uniform =
        std::adjacent_find(wanted.copies.begin(), wanted.copies.end(),
                           [](Index a, Index b) { return a != b; }) == wanted.copies.end();
    for (std::size_t p = 0; p < patterns_.size(); ++p)
      if (patterns_[p] == wanted) return p;
    patterns_.push_back(std::move(wanted));
    return patterns_.size() - 1;
  }
  [[nodiscard]] static Index kept_positions(const pattern& along,
                                            std::span<const std::uint8_t> keep) noexcept {
    Index count = 0;
    if (along.uniform) {
      for (std::uint8_t k : keep) count += k != 0;
      return count * along.copies.front();
    }
    for (std::size_t u = 0; u < keep.size(); ++u) count += keep[u] != 0 ? along.copies[u] : 0;
    return count;
  }

  Index scalar_bytes_;
  cost dense_;
  std::vector<Index> units_;
  std::vector<pattern> patterns_;
  std::vector<layer> layers_;
};

}  // namespace v0
}  // namespace prunus
