// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/structure/cost.hpp>
#include <prunus/structure/detail/channel_structure.hpp>
#include <prunus/structure/detail/cost_terms.hpp>
#include <prunus/structure/resolve.hpp>

#include <algorithm>  // std::adjacent_find
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <span>       // std::span
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// What a network costs as a function of the units that stay: products of axes, each of which holds
/// the units of one coupling, some of them several times.
class cost_model {
 public:
  cost_model() = default;
  template <class = compiled_on_use>
  cost_model(const resolved_graph& network, const channel_structure& structure) {
    for (const std::vector<Index>& units : structure.units_of)
      units_.push_back(static_cast<Index>(units.size()));
    for (std::size_t n = 0; n < network.nodes.size(); ++n)
      for_each_cost_term(network.nodes[n], [&](const cost_term& part) {
        const auto along = [&](const std::optional<Index>& side, Index groups) {
          return side ? axis_of(structure, structure.side(network, n, *side, groups)) : none;
        };
        terms_.push_back({part.of, part.each,
                          along(part.channels, part.pairs_with ? 1 : part.groups),
                          along(part.pairs_with, part.groups)});
      });
  }

  /// Unit u of coupling k stays where `keep[k][u]` is not 0. Linear in the units; one small
  /// allocation.
  /// @throws shape_error (shape_mismatch)
  template <class = compiled_on_use>
  [[nodiscard]] cost of_kept(std::span<const std::span<const std::uint8_t>> keep,
                             Index scalar_bytes) const {
    check(keep);
    std::vector<Index> kept(axes_.size());
    for (std::size_t a = 0; a < kept.size(); ++a)
      kept[a] = kept_positions(axes_[a], keep[axes_[a].coupling]);
    const auto positions = [&](std::size_t a) { return a == none ? Index{1} : kept[a]; };
    cost total;
    for (const term& t : terms_)
      add_to(total, {t.of, t.each}, positions(t.first), positions(t.second), scalar_bytes);
    return total;
  }

  /// Multiply-adds when coupling k loses the share `rates[k]` of its units.
  /// @pre one rate in [0, 1] for each coupling
  template <class = compiled_on_use>
  [[nodiscard]] double macs_at(std::span<const double> rates) const noexcept {
    const auto positions = [&](std::size_t a) {
      if (a == none) return 1.0;
      return static_cast<double>(axes_[a].positions) * (1 - rates[axes_[a].coupling]);
    };
    double total = 0;
    for (const term& t : terms_)
      if (t.of == cost_term::quantity::macs)
        total += static_cast<double>(t.each) * positions(t.first) * positions(t.second);
    return total;
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  /// How often each unit of a coupling stands along an axis. Most axes of a coupling are alike.
  struct axis {
    std::size_t coupling = 0;
    std::vector<Index> copies;  ///< per unit
    Index positions = 0;
    bool uniform = false;
    friend bool operator==(const axis&, const axis&) = default;
  };
  struct term {
    cost_term::quantity of;
    Index each;
    std::size_t first, second;  ///< axes, or none
  };

  template <class = compiled_on_use>
  [[nodiscard]] std::size_t axis_of(const channel_structure& structure,
                                    std::span<const Index> units) {
    const auto at = [](Index i) { return static_cast<std::size_t>(i); };
    axis wanted;
    wanted.coupling = at(structure.coupling_of[at(units.front())]);
    wanted.copies.resize(structure.units_of[wanted.coupling].size());
    wanted.positions = static_cast<Index>(units.size());
    for (const Index unit : units) ++wanted.copies[at(structure.number_of[at(unit)])];
    wanted.uniform =
        std::adjacent_find(wanted.copies.begin(), wanted.copies.end(),
                           [](Index a, Index b) { return a != b; }) == wanted.copies.end();
    for (std::size_t a = 0; a < axes_.size(); ++a)
      if (axes_[a] == wanted) return a;
    axes_.push_back(std::move(wanted));
    return axes_.size() - 1;
  }
  [[nodiscard]] static Index kept_positions(const axis& along,
                                            std::span<const std::uint8_t> keep) noexcept {
    Index count = 0;
    if (along.uniform) {
      for (const std::uint8_t k : keep) count += k != 0;
      return count * along.copies.front();
    }
    for (std::size_t u = 0; u < keep.size(); ++u) count += keep[u] != 0 ? along.copies[u] : 0;
    return count;
  }
  template <class = compiled_on_use>
  void check(std::span<const std::span<const std::uint8_t>> keep) const {
    if (keep.size() != units_.size())
      throw shape_error(errc::shape_mismatch, concat("cost_of_kept: ", keep.size(), " masks for ",
                                                     units_.size(), " couplings"));
    for (std::size_t k = 0; k < keep.size(); ++k)
      if (static_cast<Index>(keep[k].size()) != units_[k])
        throw shape_error(errc::shape_mismatch,
                          concat("cost_of_kept: mask ", k, " has ", keep[k].size(),
                                 " entries, its coupling has ", units_[k], " units"));
  }

  std::vector<Index> units_;  // per coupling
  std::vector<axis> axes_;
  std::vector<term> terms_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
