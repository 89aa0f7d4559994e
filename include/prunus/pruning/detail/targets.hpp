// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/layer_of.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/name_pattern.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/pruning/detail/joint_limits.hpp>
#include <prunus/pruning/detail/unit_blocks.hpp>
#include <prunus/pruning/parameter_selection.hpp>
#include <prunus/pruning/pass_report.hpp>
#include <prunus/pruning/pass_state.hpp>

#include <algorithm>    // std::min
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

/// Which parameters and couplings of a model a pass ranks.
namespace prunus {
inline namespace v0 {
namespace detail {

inline void check_limits(std::string_view where, const limits& l) {
  if (l.min_kept < 0 || l.multiple_of < 1)
    throw argument_error(errc::out_of_range,
                         concat(where, ": limits with min_kept ", l.min_kept, " and multiple_of ",
                                l.multiple_of, "; needed are at least 0 and at least 1"));
}

[[nodiscard]] inline std::string_view words_for(keep_reason why) noexcept {
  switch (why) {
    case keep_reason::output_of_network:
      return "outputs of the network";
    case keep_reason::input_of_network:
      return "tied to inputs of the network";
    case keep_reason::opaque:
      return "used by an operation that cannot be analysed";
    default:
      return "needed by an operation";
  }
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
        coupled_(static_cast<std::size_t>(net.size()), false),
        follows_(coupled_) {}

  [[nodiscard]] pass_state find() {
    check_limits("pass", usual_);
    check_patterns();
    const std::optional<channel_tile> channels = channel_tile_of(shape_);
    for (std::size_t c = 0; c < net_.couplings().size(); ++c) {
      for (const coupling::member& m : net_.couplings()[c].members) {
        const auto i = static_cast<std::size_t>(position(m.parameter));
        if (channels && m.axis == channels->along) coupled_[i] = true;
        if (!m.scored) follows_[i] = true;
      }
      if (channels) add_coupling(static_cast<Index>(c), *channels);
    }
    for (Index i = 0; i < net_.size(); ++i)
      if (may_prune_alone(i)) add_parameter(i, channels);
    if (state_.targets.empty())
      throw argument_error(errc::empty_model, concat("pass: none of the model's ", net_.size(),
                                                     " parameters may be pruned; vectors, what ",
                                                     "is marked not prunable, the outputs of the "
                                                     "network and what lies outside of the ",
                                                     "scope are left alone unless asked for"));
    return std::move(state_);
  }

 private:
  /// A weight whose channels are those of the units.
  struct layer {
    const coupling::member* declared;
    Index parameter;
    Index stays = 0;  ///< channels that cannot go,
    std::string why;  ///< and why not
    bool is_output = false;
    Index channels = 0;  ///< that may go
  };
  /// Channels of each layer in a block of units: blocks with the same are one target.
  struct layer_channels {
    std::size_t layer;
    Index channels;
    friend bool operator==(const layer_channels&, const layer_channels&) = default;
  };
  using channels_of_layers = std::vector<layer_channels>;
  struct alike_blocks {
    const channels_of_layers* there;
    std::vector<std::size_t> blocks;
  };

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
  [[nodiscard]] bool is_open(const parameter<S>& p) const {
    return scope_.contains(p.name) && p.options.prunable.value_or(true);
  }
  /// What follows its channels does so unless it is named: it need not be included.
  [[nodiscard]] bool may_follow(const parameter<S>& p) const {
    return p.options.prunable.value_or(true) && !scope_.excludes(p.name);
  }

  void check_patterns() {
    const auto fits_nothing = [&](const std::string& pattern) {
      for (const parameter<S>& p : net_.parameters())
        if (matches(pattern, p.name)) return false;
      return true;
    };
    for (const std::string& pattern : scope_.include)
      if (fits_nothing(pattern) && !net_.empty())
        throw argument_error(errc::unknown_name,
                             concat("pass: the pattern \"", pattern,
                                    "\" of the scope fits none of "
                                    "the model's ",
                                    net_.size(), " parameters, such as ", at(0).name));
    for (const std::string& pattern : scope_.exclude)
      if (fits_nothing(pattern))
        state_.remarks.push_back(
            {"", concat("the pattern \"", pattern, "\" excludes none of the parameters")});
  }

  [[nodiscard]] bool may_prune_alone(Index i) {
    const parameter<S>& p = at(i);
    if (coupled_[static_cast<std::size_t>(i)] || !scope_.contains(p.name)) return false;
    if (follows_[static_cast<std::size_t>(i)] && !p.options.prunable.value_or(false)) return false;
    const bool takes_outputs = tile_grid(p.weight, shape_).spans_all_but(axis::out);
    if (p.options.output && takes_outputs) {
      state_.remarks.push_back({p.name, "not pruned: it makes the outputs of the network"});
      return false;
    }
    if (p.options.prunable) return *p.options.prunable;
    if (p.weight.rank < 2) return false;
    if (!takes_outputs || !scope_.include.empty()) return true;
    if (!net_.couplings().empty()) {
      state_.remarks.push_back({p.name, "not pruned: no coupling tells who reads its outputs"});
      return false;
    }
    expect_outputs_known();
    return true;
  }

  void expect_outputs_known() const {
    for (const parameter<S>& p : net_.parameters())
      if (p.options.output) return;
    throw argument_error(
        errc::unknown_outputs,
        "pass: this tile takes whole outputs of weights, and which of them are the outputs of the "
        "network is not known: call couple(model, graph), or add the weight that makes them with "
        "{.output = true}, or name in the scope what may be pruned");
  }

  void add_parameter(Index i, const std::optional<channel_tile>& channels) {
    const tile_grid grid(at(i).weight, shape_);
    joint_limits units(grid.size());
    const Index each = channels ? channels->extent : 1;
    const Index all = channels ? at(i).weight.extent(channels->along) : grid.size();
    units.add({at(i).name, limits_of(i), std::min(each, all), all, 0, all});
    state_.targets.push_back(
        {at(i).name, -1, units.found(), {{i, at(i).name, mask(grid), {}, true, limits_of(i)}}});
  }

  void add_coupling(Index number, const channel_tile& shape) {
    const coupling& c = net_.couplings()[static_cast<std::size_t>(number)];
    const unit_blocks blocks(c, shape);
    std::vector<layer> layers;
    std::vector<channels_of_layers> in_block(static_cast<std::size_t>(blocks.count));
    for (const coupling::member& m : c.members) {
      if (m.axis != shape.along || !m.scored) continue;
      for (const Index u : m.unit_of) {
        channels_of_layers& there = in_block[block(blocks, u)];
        if (there.empty() || there.back().layer != layers.size())
          there.push_back({layers.size(), 0});
        ++there.back().channels;
      }
      layers.push_back({&m, position(m.parameter), 0, {}, false, 0});
    }
    std::vector<alike_blocks> groups;  // that may go
    std::vector<std::optional<keep_reason>> stays(in_block.size());
    for (Index u = 0; u < c.units; ++u)
      if (!c.may_go(u)) stays[block(blocks, u)] = c.stays[static_cast<std::size_t>(u)];
    for (std::size_t b = 0; b < in_block.size(); ++b)
      if (!in_block[b].empty() && may_go(in_block[b], stays[b], layers))
        add_to(groups, in_block[b], b);
    note_what_stays(layers);

    for (const alike_blocks& alike : groups)
      for (const auto& [l, channels] : *alike.there)
        layers[l].channels += channels * static_cast<Index>(alike.blocks.size());
    std::vector<std::string> names;
    for (const alike_blocks& alike : groups) {
      names.push_back(name_of_target(c, layers, *alike.there, names));
      add_target(number, shape, blocks, layers, alike, names.back());
    }
  }

  static void add_to(std::vector<alike_blocks>& groups, const channels_of_layers& there,
                     std::size_t block) {
    for (alike_blocks& group : groups)
      if (*group.there == there) {
        group.blocks.push_back(block);
        return;
      }
    groups.push_back({&there, {block}});
  }

  [[nodiscard]] static std::size_t block(const unit_blocks& blocks, Index unit) noexcept {
    return static_cast<std::size_t>(blocks.block_of[static_cast<std::size_t>(unit)]);
  }

  /// Whether units may go, as far as their layers are concerned; notes where they stay.
  [[nodiscard]] bool may_go(const channels_of_layers& there, std::optional<keep_reason> stays,
                            std::vector<layer>& layers) const {
    const parameter<S>* closed = nullptr;
    bool asked_for = false, is_output = stays == keep_reason::output_of_network;
    for (const auto& [l, channels] : there) {
      const parameter<S>& p = at(layers[l].parameter);
      if (!is_open(p)) closed = &p;
      asked_for = asked_for || p.options.prunable.value_or(false);
      is_output = is_output || p.options.output;
    }
    if (closed == nullptr && !((stays || is_output) && !asked_for)) return true;
    for (const auto& [l, channels] : there) {
      layer& of = layers[l];
      of.stays += channels;
      if (closed == nullptr) {
        of.is_output = is_output;
        of.why = words_for(is_output ? keep_reason::output_of_network : *stays);
      } else if (is_open(at(of.parameter))) {
        of.why = concat(
            "coupled with ", closed->name, ", which ",
            scope_.contains(closed->name) ? "is marked not prunable" : "lies outside of the scope");
      }
    }
    return false;
  }

  void note_what_stays(const std::vector<layer>& layers) {
    for (const layer& l : layers) {
      const parameter<S>& p = at(l.parameter);
      if (l.stays == 0 || l.why.empty() || !is_open(p)) continue;
      const Index all = static_cast<Index>(l.declared->unit_of.size());
      state_.remarks.push_back(
          {p.name, concat(l.stays == all ? "not pruned: its " : concat(l.stays, " of its "), all,
                          " channels are ", l.why)});
      if (l.stays < all || l.is_output) continue;
      const tile_grid grid(p.weight, shape_);
      state_.spared.push_back({p.name, grid.size(), grid.size(), grid.weights(), grid.weights()});
    }
  }

  /// That of the coupling; beyond its first target that of a layer.
  [[nodiscard]] std::string name_of_target(const coupling& c, const std::vector<layer>& layers,
                                           const channels_of_layers& there,
                                           const std::vector<std::string>& taken) const {
    const auto is_free = [&](const std::string& name) {
      for (const std::string& other : taken)
        if (other == name) return false;
      return true;
    };
    if (taken.empty()) return c.name;
    for (const auto& [l, channels] : there) {
      std::string name(layer_of(at(layers[l].parameter).name));
      if (is_free(name) && name != c.name) return name;
    }
    return concat(c.name, "#", taken.size() + 1);
  }

  void add_target(Index number, const channel_tile& shape, const unit_blocks& blocks,
                  const std::vector<layer>& layers, const alike_blocks& alike,
                  const std::string& name) {
    const coupling& c = net_.couplings()[static_cast<std::size_t>(number)];
    const Index units = static_cast<Index>(alike.blocks.size());
    std::vector<Index> unit_of_block(static_cast<std::size_t>(blocks.count), -1);
    for (Index u = 0; u < units; ++u) unit_of_block[alike.blocks[static_cast<std::size_t>(u)]] = u;
    pass_state::target found{name, number, {}, {}};
    found.coupled_keep.assign(static_cast<std::size_t>(units), 1);
    joint_limits joint(units);
    for (const auto& [l, channels] : *alike.there)
      joint.add({at(layers[l].parameter).name, limits_of(layers[l].parameter), channels,
                 channels * units, layers[l].stays, layers[l].channels});
    found.limits = joint.found();
    if (!joint.remark().empty()) state_.remarks.push_back({name, joint.remark()});

    std::vector<Index> unit_of;
    for (const Index b : blocks.block_of)
      unit_of.push_back(unit_of_block[static_cast<std::size_t>(b)]);
    for (const coupling::member& m : c.members) {
      if (m.axis != shape.along) continue;
      const Index i = position(m.parameter);
      if (!m.scored && !may_follow(at(i))) continue;
      const Index extent = std::min(shape.extent, static_cast<Index>(m.unit_of.size()));
      std::vector<Index> of_tile;
      bool any = false;
      for (std::size_t k = 0; k < m.unit_of.size(); k += static_cast<std::size_t>(extent)) {
        of_tile.push_back(unit_of[static_cast<std::size_t>(m.unit_of[k])]);
        any = any || of_tile.back() >= 0;
      }
      if (any)
        found.members.push_back({i, m.parameter, mask(tile_grid(at(i).weight, shape_)),
                                 std::move(of_tile), m.scored, limits_of(i)});
    }
    found.unit_of = std::move(unit_of);
    state_.targets.push_back(std::move(found));
  }

  const model<S>& net_;
  const tile& shape_;
  const parameter_selection& scope_;
  const limits& usual_;
  std::vector<bool> coupled_;  ///< ranked with a coupling, if at all
  std::vector<bool> follows_;  ///< its channels, as a bias does
  pass_state state_;
};

/// @throws argument_error (empty_model, out_of_range, unknown_name: a pattern of the scope,
///         unknown_outputs)
template <weight_scalar S>
[[nodiscard]] pass_state find_targets(const model<S>& net, const tile& shape,
                                      const parameter_selection& wanted, const limits& usual) {
  return target_finder<S>(net, shape, wanted, usual).find();
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
