// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/detail/layer_of.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/structure/network_structure.hpp>

#include <algorithm>    // std::find
#include <cstddef>      // std::size_t
#include <numeric>      // std::partial_sum
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// "a", "a and b", "a, b and c".
[[nodiscard]] inline std::string enumerate(std::span<const std::string> parts) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i)
    text += concat(i == 0 ? "" : i + 1 < parts.size() ? ", " : " and ", parts[i]);
  return text;
}

/// Where the units of a coupling stand in its tensors, gathered once for all units.
class coupling_places {
 public:
  template <class = compiled_on_use>
  explicit coupling_places(const coupling& group) : group_(group) {
    for (const coupling::member& member : group.members) {
      places_of_member& m = members_.emplace_back();
      m.tensor = concat(layer_of(member.parameter),
                        member.axis == axis::out ? "" : concat(".", name_of(member.axis)), ":");
      m.begin.assign(static_cast<std::size_t>(group.units) + 1, 0);
      const auto known = [&](Index unit) { return unit >= 0 && unit < group.units; };
      for (Index unit : member.unit_of)
        if (known(unit)) ++m.begin[static_cast<std::size_t>(unit) + 1];
      std::partial_sum(m.begin.begin(), m.begin.end(), m.begin.begin());
      m.positions.resize(m.begin.back());
      std::vector<std::size_t> next(m.begin.begin(), m.begin.end() - 1);
      for (std::size_t i = 0; i < member.unit_of.size(); ++i)
        if (known(member.unit_of[i]))
          m.positions[next[static_cast<std::size_t>(member.unit_of[i])]++] = i;
    }
  }

  /// As explain() says it. @pre the coupling has that unit
  template <class = compiled_on_use>
  [[nodiscard]] std::string sentence(Index unit) const {
    std::vector<std::string> places;
    for (const places_of_member& m : members_) {
      const std::string positions = m.text_of(static_cast<std::size_t>(unit));
      if (positions.empty()) continue;
      std::string place = m.tensor + positions;
      // The scale and the shift of a normalisation are one place.
      if (std::find(places.begin(), places.end(), place) == places.end())
        places.push_back(std::move(place));
    }
    if (places.empty()) return concat("dropping ", group_.name, ":", unit, " drops no parameter");
    if (places.size() == 1) return concat("dropping ", places.front(), " drops nothing else");
    return concat("dropping ", places.front(), " also drops ",
                  enumerate(std::span(places).subspan(1)));
  }

 private:
  struct places_of_member {
    std::string tensor;
    std::vector<std::size_t> begin;      ///< per unit, into `positions`
    std::vector<std::size_t> positions;  ///< unit after unit, ascending

    /// "3", "3,7" or "12-15"; empty where the unit has no position.
    [[nodiscard]] std::string text_of(std::size_t unit) const {
      std::string text;
      for (std::size_t i = begin[unit]; i < begin[unit + 1]; ++i) {
        const std::size_t first = positions[i];
        while (i + 1 < begin[unit + 1] && positions[i + 1] == positions[i] + 1) ++i;
        if (!text.empty()) text += ',';
        text += std::to_string(first);
        if (positions[i] > first) text += concat("-", positions[i]);
      }
      return text;
    }
  };
  const coupling& group_;
  std::vector<places_of_member> members_;
};

}  // namespace detail

/// What goes with one unit, in words: "dropping conv1:3 also drops bn1:3 and conv2.in:3".
/// @throws argument_error (out_of_range) for a unit that the coupling does not have
template <class = compiled_on_use>
[[nodiscard]] std::string explain(const coupling& group, Index unit) {
  if (unit < 0 || unit >= group.units)
    throw argument_error(errc::out_of_range, detail::concat("explain: ", group.name, " has ",
                                                            group.units, " units, no unit ", unit));
  return detail::coupling_places(group).sentence(unit);
}

/// Tells the model which of its parameters live and die together, as the network's declaration
/// says.
/// @throws argument_error (unknown_name: a parameter of the graph that the model has not),
///         shape_error (shape_mismatch); the model is then as before
template <weight_scalar S>
void couple(model<S>& net, const network_structure& network) {
  for (const coupling& group : network.couplings())
    for (const coupling::member& member : group.members)
      if (net.find(member.parameter) == nullptr)
        throw argument_error(
            errc::unknown_name,
            detail::concat("couple: the graph has ", member.parameter,
                           ", the model does not; add it to the model before coupling, or say how ",
                           "it is called in the network_structure's table of names"));
  net.couple(network.couplings());
}

}  // namespace v0
}  // namespace prunus
