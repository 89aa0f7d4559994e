// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/global.hpp>
#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/remove_smallest.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/coupling.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/resolve.hpp>

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
///     prunus::couple(net, graph);
///     prunus::pass{prunus::l2_norm{}, prunus::filter, prunus::isomorphic{graph}}
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
  /// @throws what `resolve` throws
  template <class = compiled_on_use>
  explicit isomorphic(const graph& declared, global ranking = {}) : ranking_(ranking) {
    const resolved_graph network = resolve(declared);
    std::vector<std::string> kinds;
    for (const coupling& c : coupled_groups(network)) {
      const std::string kind = kind_of(network, c);
      std::size_t k = 0;
      while (k < kinds.size() && kinds[k] != kind) ++k;
      if (k == kinds.size()) kinds.push_back(kind);
      couplings_.push_back({c.name, c.units, static_cast<Index>(k)});
    }
  }

  /// Number of the class of a coupling, in the order in which classes first appear.
  /// @throws argument_error (unknown_name)
  [[nodiscard]] Index class_of(std::string_view name) const {
    for (const known& c : couplings_)
      if (c.name == name) return c.kind;
    throw argument_error(errc::unknown_name,
                         detail::concat("isomorphic: the graph has no coupling called ", name));
  }

  template <class T>
  void allocate(std::span<ranking_group<T>> units, double sparsity) const {
    detail::check_sparsity("isomorphic", sparsity);
    std::vector<std::vector<std::uint8_t>> keep;  // written to, until all has gone well
    std::vector<Index> kinds;
    Index classes = 0;
    for (const ranking_group<T>& u : units) {
      kinds.push_back(kind_of(u));
      classes = std::max(classes, kinds.back() + 1);
      keep.emplace_back(u.keep.begin(), u.keep.end());
    }
    for (Index kind = 0; kind < classes; ++kind) {
      std::vector<ranking_group<T>> alike;
      Index total = 0, removable = 0;
      for (std::size_t i = 0; i < units.size(); ++i) {
        if (kinds[i] != kind) continue;
        alike.push_back(units[i]);
        alike.back().keep = keep[i];
        total += units[i].size();
        removable += std::max(detail::most_removable(units[i].limits, units[i].size()),
                              detail::already_removed(units[i]));
      }
      if (!alike.empty())
        ranking_.remove(std::span<ranking_group<T>>(alike),
                        std::min(detail::units_to_remove(total, sparsity), removable));
    }
    for (std::size_t i = 0; i < units.size(); ++i)
      std::copy(keep[i].begin(), keep[i].end(), units[i].keep.begin());
  }

 private:
  struct known {
    std::string name;
    Index units = 0;
    Index kind = 0;
  };

  template <class T>
  [[nodiscard]] Index kind_of(const ranking_group<T>& u) const {
    const auto k = static_cast<std::size_t>(u.coupling);  // -1 is beyond all
    if (k < couplings_.size() && couplings_[k].name == u.name && couplings_[k].units == u.size())
      return couplings_[k].kind;
    throw argument_error(errc::unsupported,
                         detail::concat("isomorphic: ", u.name,
                                        " is no coupling of the graph; use the tile filter and "
                                        "call couple(model, graph) first"));
  }

  /// The kinds of the members, in an order of their own, as a text.
  template <class = compiled_on_use>
  [[nodiscard]] static std::string kind_of(const resolved_graph& network, const coupling& c) {
    std::vector<std::string> kinds;
    for (const coupling::member& m : c.members)
      for (const resolved_graph::node& node : network.nodes)
        for (const parameter_declaration& p : node.parameters) {
          if (p.name != m.parameter) continue;
          const auto* conv = node.operation.as<operation::convolution>();
          kinds.push_back(detail::concat(node.operation.index(),
                                         conv != nullptr && conv->groups > 1 ? " in groups " : " ",
                                         static_cast<int>(p.role), " ", name_of(m.axis)));
        }
    std::sort(kinds.begin(), kinds.end());
    std::string text;
    for (const std::string& kind : kinds) text += kind + ";";
    return text;
  }

  global ranking_;
  std::vector<known> couplings_;
};

static_assert(allocation<isomorphic, float> && allocation<isomorphic, double>);

}  // namespace v0
}  // namespace prunus
