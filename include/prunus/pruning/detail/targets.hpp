// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/model.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/pruning/parameter_selection.hpp>
#include <prunus/pruning/pass_state.hpp>

#include <algorithm>  // std::any_of
#include <optional>   // std::optional
#include <utility>    // std::move
#include <vector>     // std::vector

/// Which parameters and couplings of a model a pass ranks.
namespace prunus {
inline namespace v0 {
namespace detail {

/// The axis along which the tile removes whole channels, if it does.
[[nodiscard]] inline std::optional<axis> channel_axis(const tile& shape) noexcept {
  if (shape == filter) return axis::out;
  if (shape == channel) return axis::in;
  return std::nullopt;
}

inline void check_limits(std::string_view where, const limits& l) {
  if (l.min_kept < 0 || l.multiple_of < 1)
    throw argument_error(errc::out_of_range,
                         concat(where, ": limits with min_kept ", l.min_kept, " and multiple_of ",
                                l.multiple_of, "; needed are at least 0 and at least 1"));
}

template <weight_scalar S>
class target_finder {
 public:
  target_finder(const model<S>& net, const tile& shape, const parameter_selection& wanted,
                const limits& usual)
      : net_(net),
        shape_(shape),
        scope_(wanted),
        usual_(usual),
        taken_(static_cast<std::size_t>(net.size()), false) {
    for (Index i = 0; i < net.size(); ++i)
      if (at(i).weight.rank >= 2) last_weight_ = i;
  }

  [[nodiscard]] pass_state find() {
    check_limits("pass", usual_);
    pass_state state;
    if (const std::optional<axis> along = channel_axis(shape_))
      for (std::size_t c = 0; c < net_.couplings().size(); ++c)
        add_coupling(static_cast<Index>(c), *along, state);
    for (Index i = 0; i < net_.size(); ++i)
      if (!taken_[static_cast<std::size_t>(i)] && may_prune_alone(i))
        state.targets.push_back({at(i).name,
                                 -1,
                                 limits_of(i),
                                 {{i, at(i).name, mask(tile_grid(at(i).weight, shape_)), {}, true}},
                                 {}});
    if (state.targets.empty())
      throw argument_error(errc::empty_model, concat("pass: none of the model's ", net_.size(),
                                                     " parameters may be pruned; vectors, what ",
                                                     "is marked not prunable, the outputs of the "
                                                     "last weight and what lies outside of the ",
                                                     "scope are left alone unless asked for"));
    return state;
  }

 private:
  [[nodiscard]] const parameter<S>& at(Index i) const {
    return net_.parameters()[static_cast<std::size_t>(i)];
  }
  [[nodiscard]] Index position(std::string_view name) const {
    return &net_[name] - net_.parameters().data();
  }
  [[nodiscard]] limits limits_of(Index i) const {
    const limits found = at(i).options.limits.value_or(usual_);
    check_limits(at(i).name, found);
    return found;
  }

  [[nodiscard]] bool may_prune_alone(Index i) const {
    const parameter<S>& p = at(i);
    if (!scope_.contains(p.name)) return false;
    if (p.options.prunable) return *p.options.prunable;
    const bool takes_outputs = tile_grid(p.weight, shape_).spans_all_but(axis::out);
    return p.weight.rank >= 2 && !(takes_outputs && i == last_weight_);
  }

  void add_coupling(Index number, axis along, pass_state& state) {
    const coupling& c = net_.couplings()[static_cast<std::size_t>(number)];
    pass_state::target found{c.name,
                             number,
                             usual_,
                             {},
                             std::vector<std::uint8_t>(static_cast<std::size_t>(c.units), 1)};
    bool allowed = true, asked_for = false, any_scored = false;
    for (const coupling::member& m : c.members) {
      if (m.axis != along) continue;
      const Index i = position(m.parameter);
      taken_[static_cast<std::size_t>(i)] = true;
      if (m.scored) {
        any_scored = true;
        const parameter<S>& p = at(i);
        allowed = allowed && scope_.contains(p.name) && p.options.prunable.value_or(true);
        asked_for = asked_for || p.options.prunable.value_or(false);
        if (p.options.limits) found.limits = limits_of(i);
      }
      found.members.push_back(
          {i, m.parameter, mask(tile_grid(at(i).weight, shape_)), m.unit_of, m.scored});
    }
    if (any_scored && allowed && (c.prunable || asked_for))
      state.targets.push_back(std::move(found));
  }

  const model<S>& net_;
  const tile& shape_;
  const parameter_selection& scope_;
  const limits& usual_;
  std::vector<bool> taken_;
  Index last_weight_ = -1;
};

/// @throws argument_error (empty_model, out_of_range)
template <weight_scalar S>
[[nodiscard]] pass_state find_targets(const model<S>& net, const tile& shape,
                                      const parameter_selection& wanted, const limits& usual) {
  return target_finder<S>(net, shape, wanted, usual).find();
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
