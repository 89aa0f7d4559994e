// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/has_member.hpp>
#include <prunus/criteria/criterion.hpp>

#include <span>         // std::span
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// Weights that live and die together, as a coupling criterion sees them: unit `u` is, in each
/// member, every position `i` along `along` with `unit_of[i] == u`.
template <weight_scalar S>
struct coupled_weights {
  struct member {
    const prunus::parameter<S>* parameter = nullptr;
    axis along = axis::out;
    std::span<const Index> unit_of;  ///< unit of every position along the axis
    bool scored = true;              ///< a weight; else it follows (bias, scale, shift)
    bool scale = false;              ///< the scale of a normalisation
  };
  std::string_view name;  ///< of the coupling
  Index units = 0;
  std::vector<member> members;
};

/// A criterion that looks at the members of a coupling together.
///
/// `c.score(coupled_weights, scores)` writes one finite number a unit and changes nothing else. A
/// pass over coupled filters or channels calls it with all members: producers, readers and
/// dependents. Of other criteria a pass takes the mean of the scores of a unit's tiles; one that
/// has such a `score` in a form that does not fit (not const, say) does not compile.
template <class C, class S>
concept coupling_criterion = criterion<C, S> &&
    requires(const C& c, const coupled_weights<S>& weights, std::span<score_of<S>> scores) {
  c.score(weights, scores);
};

namespace detail {

/// Has a score() of two arguments, the first of them coupled weights, that a pass may not call.
template <class C, class S>
concept misses_coupling_criterion =
    !coupling_criterion<C, S> && requires(C & c, coupled_weights<S>& weights, any_argument scores) {
  c.score(weights, scores);
};

/// The coupling with the parameters that it names. @pre the model knows them, as couple() checked
template <weight_scalar S>
[[nodiscard]] coupled_weights<S> weights_of(const model<S>& net, const coupling& declared) {
  coupled_weights<S> result{declared.name, declared.units, {}};
  result.members.reserve(declared.members.size());
  for (const coupling::member& m : declared.members)
    result.members.push_back({&net[m.parameter], m.axis, m.unit_of, m.scored, m.scale});
  return result;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
