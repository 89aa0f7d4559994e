// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/detail/coupling_numbers.hpp>
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/remove_smallest.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/network_structure.hpp>

#include <algorithm>    // std::copy, std::max, std::min, std::sort
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// One ranking for each kind of structure: couplings are compared only with couplings that tie the
/// same kinds of layers together in the same way.
///
/// Of the n units of a class, round(sparsity * n) with the lowest scores go, halves rounded up,
/// fewer where limits hold them back (at least one unit of every coupling stays). So the channels
/// between two convolutions do not compete with those of a residual stream or of attention, whose
/// scores are of another size.
///
///     prunus::couple(net, network);
///     prunus::pass{prunus::l2_norm{}, prunus::filter, prunus::isomorphic{network}}
///
/// Two couplings are of one class when their members agree in number and kind: operation (a
/// convolution in groups is one of its own), role of the tensor, side (out or in). Sizes do not
/// matter.
///
/// @shape scores: one a unit of each coupling
/// @throws argument_error (out_of_range: sparsity outside [0, 1); unsupported: an entry that is no
///         coupling of the graph), value_error (not_finite: names the coupling); nothing is then
///         written
/// Ties as in `global`. Cost: as `global`.
/// @source G. Fang, X. Ma, M. B. Mi, X. Wang, "Isomorphic Pruning for Vision Models", ECCV 2024,
///         arXiv:2407.04616: importance is ranked separately for each kind of sub-structure, told
///         apart by graph isomorphism
/// @deviation our reading: the kinds of the members stand for the isomorphism of the sub-structures
class isomorphic {
 public:
  template <class Text = std::string>
  explicit isomorphic(network_structure network, global ranking = {})
      : ranking_(ranking), network_(std::move(network)) {
    name_table kind_of;  // of a parameter
    for (const resolved_graph::node& node : network_.resolved().nodes)
      for (const parameter_declaration& p : node.parameters)
        kind_of.emplace(p.name, kind_of_parameter(node, p));
    std::vector<Text> classes;
    for (const coupling& c : network_.couplings()) {
      std::vector<Text> kinds;
      for (const coupling::member& m : c.members)
        kinds.push_back(detail::concat(kind_of.at(m.parameter), " ", name_of(m.axis), ";"));
      std::sort(kinds.begin(), kinds.end());
      Text all;
      for (const Text& kind : kinds) all += kind;
      const auto known = std::find(classes.begin(), classes.end(), all);
      classes_.push_back(known - classes.begin());
      if (known == classes.end()) classes.push_back(std::move(all));
    }
  }

  /// Number of the class of a coupling, in the order in which classes first appear.
  /// @throws argument_error (unknown_name)
  [[nodiscard]] Index class_of(std::string_view name) const {
    if (const Index k = network_.find_coupling(name); k >= 0)
      return classes_[static_cast<std::size_t>(k)];
    throw argument_error(errc::unknown_name,
                         detail::concat("isomorphic: the graph has no coupling called ", name));
  }

  template <class T>
  void allocate(std::span<ranking_group<T>> units, double sparsity) const {
    detail::check_sparsity("isomorphic", sparsity);
    std::vector<std::vector<std::uint8_t>> keep;  // written to, until all has gone well
    std::vector<Index> kinds;
    Index classes = 0;
    const std::vector<std::size_t> numbers =
        detail::coupling_numbers<T>("isomorphic", network_, units);
    for (std::size_t i = 0; i < units.size(); ++i) {
      const ranking_group<T>& u = units[i];
      kinds.push_back(classes_[numbers[i]]);
      classes = std::max(classes, kinds.back() + 1);
      keep.emplace_back(u.keep.begin(), u.keep.end());
    }
    for (Index kind = 0; kind < classes; ++kind) {
      std::vector<ranking_group<T>> alike;
      std::vector<std::size_t> members;
      Index total = 0, removable = 0;
      for (std::size_t i = 0; i < units.size(); ++i) {
        if (kinds[i] != kind) continue;
        alike.push_back(units[i]);
        alike.back().keep = keep[i];
        members.push_back(i);
        total += units[i].size();
        removable += std::max(detail::most_removable(units[i].limits, units[i].size()),
                              detail::already_removed(units[i]));
      }
      if (!alike.empty())
        ranking_.remove(std::span<ranking_group<T>>(alike),
                        std::min(detail::units_to_remove(total, sparsity), removable));
      for (std::size_t k = 0; k < members.size(); ++k) units[members[k]].asked = alike[k].asked;
    }
    for (std::size_t i = 0; i < units.size(); ++i)
      std::copy(keep[i].begin(), keep[i].end(), units[i].keep.begin());
  }

 private:
  template <class = compiled_on_use>
  [[nodiscard]] static std::string kind_of_parameter(const resolved_graph::node& node,
                                                     const parameter_declaration& parameter) {
    bool in_groups = false;
    for (const parameter_declaration& p : node.parameters)
      in_groups =
          in_groups || (p.role == parameter_role::weight && (!p.reads || p.reads->groups > 1));
    return detail::concat(node.operation.kind(), in_groups ? " in groups " : " ",
                          static_cast<int>(parameter.role));
  }

  global ranking_;
  network_structure network_;
  std::vector<Index> classes_;  // of the couplings
};

static_assert(allocation<isomorphic, float> && allocation<isomorphic, double>);

}  // namespace v0
}  // namespace prunus
