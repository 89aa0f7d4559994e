// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/pruning/detail/unit_blocks.hpp>
#include <prunus/pruning/pass_state.hpp>
#include <prunus/selection/keep_above.hpp>

#include <algorithm>    // std::max, std::min
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <optional>     // std::optional
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

/// What a pass promises of its masks, whoever wrote the parts that decide about them.
namespace prunus {
inline namespace v0 {
namespace detail {

/// Refuses numbers other than 0 and 1, and what comes back although it is gone.
/// @throws argument_error (broken_promise): `who` did so
template <class = compiled_on_use>
void expect_marks(std::string_view who, std::string_view name, std::span<const std::uint8_t> before,
                  std::span<const std::uint8_t> now, bool may_revive) {
  for (std::size_t u = 0; u < now.size(); ++u) {
    if (now[u] > 1)
      throw argument_error(errc::broken_promise,
                           concat("pass: ", who, " marks unit ", u, " of ", name, " with ",
                                  static_cast<int>(now[u]), "; 0 removes a unit, 1 keeps it"));
    if (now[u] > before[u] && !may_revive)
      throw argument_error(errc::broken_promise,
                           concat("pass: ", who, " keeps unit ", u, " of ", name,
                                  ", which is pruned for good; what is gone must stay gone"));
  }
}

/// Channels of one layer, or tiles of one weight, over all targets that it is in.
struct layer_count {
  const pass_state::target::member* layer;
  Index all = 0, was = 0, kept = 0;
};

/// Whether the limits hold, as far as what was gone before lets them.
[[nodiscard]] inline bool limits_hold(const limits& l, const layer_count& c) noexcept {
  if (c.kept == c.was) return c.kept > 0;  // nothing went
  const Index floor = std::min(std::max<Index>(l.min_kept, 1), c.was);
  if (c.kept < floor) return false;
  const bool can_be_multiple = c.was / l.multiple_of * l.multiple_of >= floor;
  return c.kept % l.multiple_of == 0 || c.kept == c.all || !can_be_multiple;
}

/// Counts what each layer keeps, in channels where tiles are whole channels.
template <class Count = layer_count>
[[nodiscard]] std::vector<Count> count_layers(const pass_state& before, const pass_state& now,
                                              const std::optional<channel_tile>& channels) {
  std::vector<Count> result;
  const auto count_in = [&](const pass_state::target& t, const pass_state::target::member& m) {
    const std::span<const std::uint8_t> keep = t.keep();
    const tile_grid& grid = m.mask.grid();
    if (!channels) return grid.size() - count_ones(keep);
    const Index extent = grid.extent(channels->along);
    Index removed = 0;
    for (Index t0 = 0; t0 < grid.size(); ++t0) {
      const Index unit = t.coupled() ? m.unit_of[static_cast<std::size_t>(t0)] : t0;
      if (unit >= 0 && keep[static_cast<std::size_t>(unit)] == 0)
        removed += std::min(channels->extent, extent - t0 * channels->extent);
    }
    return removed;
  };
  for (std::size_t i = 0; i < now.targets.size(); ++i)
    for (const pass_state::target::member& m : now.targets[i].members) {
      if (!m.scored) continue;
      Count* there = nullptr;
      for (Count& c : result)
        if (c.layer->parameter == m.parameter) there = &c;
      if (there == nullptr) {
        const tile_grid& grid = m.mask.grid();
        const Index all = channels ? grid.extent(channels->along) : grid.size();
        there = &result.emplace_back(Count{&m, all, all, all});
      }
      there->was -= count_in(before.targets[i], m);
      there->kept -= count_in(now.targets[i], m);
    }
  return result;
}

/// @throws argument_error (broken_promise): a layer lost all, or more than its limits allow
template <class = compiled_on_use>
void expect_limits(std::string_view who, const layer_count& c, bool in_channels) {
  const limits& l = c.layer->limits;
  if (limits_hold(l, c)) return;
  std::string text = concat("pass: ", who, " keeps ", c.kept, " of the ", c.all,
                            in_channels ? " channels of " : " tiles of ", c.layer->name,
                            "; it must keep at least ", std::max<Index>(l.min_kept, 1));
  if (l.multiple_of > 1)
    text += concat(" and a multiple of ", l.multiple_of,
                   ", or all; where limits of coupled layers contradict each other, change one");
  throw argument_error(errc::broken_promise, text);
}
template <class = compiled_on_use>
void expect_limits(std::string_view who, const pass_state& before, const pass_state& now,
                   const std::optional<channel_tile>& channels) {
  for (const layer_count& c : count_layers(before, now, channels))
    expect_limits(who, c, channels.has_value());
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
