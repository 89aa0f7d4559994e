// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/detail/channel_structure.hpp>
#include <prunus/structure/keep_reason.hpp>
#include <prunus/structure/resolve.hpp>

#include <algorithm>  // std::fill
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// Which units stay, found as a garbage collector finds what is alive: from the outputs back along
/// everything that is read. Who is kept says why it was kept first.
class kept_units {
 public:
  struct cause {
    keep_reason reason;
    std::size_t node;
  };
  kept_units(const resolved_graph& network, const channel_structure& structure)
      : network_(network),
        structure_(structure),
        kept_(static_cast<std::size_t>(structure.units())),
        causes_(kept_.size()),
        used_unknown_(network.nodes.size()) {}

  void keep(Index unit, cause why) {
    const std::size_t u = static_cast<std::size_t>(unit);
    if (kept_[u] != 0) return;
    kept_[u] = 1;
    causes_[u] = why;
    fresh_.push_back(unit);
  }
  [[nodiscard]] bool is_kept(Index unit) const noexcept {
    return kept_[static_cast<std::size_t>(unit)] != 0;
  }
  [[nodiscard]] bool is_kept(std::size_t n, std::size_t c) const noexcept {
    return is_kept(structure_.unit_of[n][c]);
  }
  [[nodiscard]] const cause& why(Index unit) const noexcept {
    return causes_[static_cast<std::size_t>(unit)];
  }
  /// How many channels that reach node n are used in a way that is not known.
  [[nodiscard]] Index used_unknown(std::size_t n) const noexcept { return used_unknown_[n]; }
  /// One byte a channel of node n.
  [[nodiscard]] std::vector<std::uint8_t> of_node(std::size_t n) const {
    std::vector<std::uint8_t> result;
    for (const Index unit : structure_.unit_of[n])
      result.push_back(kept_[static_cast<std::size_t>(unit)]);
    return result;
  }

  /// The outputs and inputs of the network, and what operations use in ways that are not known.
  template <class = compiled_on_use>
  void keep_ends() {
    for (std::size_t n = 0; n < network_.nodes.size(); ++n) {
      const resolved_graph::node& node = network_.nodes[n];
      if (node.is_network_input)
        keep_all(n, {keep_reason::input_of_network, n});
      else if (node.is_output)
        keep_all(n, {keep_reason::output_of_network, n});
    }
    std::vector<std::uint8_t> own(kept_.size());
    for (std::size_t n = 0; n < network_.nodes.size(); ++n) {
      if (structure_.maps[n].keeps == keep_reason::opaque) keep_all(n, {keep_reason::opaque, n});
      for_each_unknown(n, own, [&](Index unit) {
        keep(unit, {keep_reason::opaque, n});
        ++used_unknown_[n];
      });
    }
  }
  /// What counts in the statistics of a layer.
  template <class = compiled_on_use>
  void keep_what_operations_need() {
    for (std::size_t n = 0; n < network_.nodes.size(); ++n) {
      if (!structure_.maps[n].keeps) continue;
      keep_all(n, {*structure_.maps[n].keeps, n});
      for (const std::size_t input : network_.nodes[n].inputs)
        keep_all(input, {*structure_.maps[n].keeps, n});
    }
  }
  /// Follows what is newly kept with `follow(unit)`, which may keep more, then saves layers that
  /// lost every channel, last layers first, until nothing changes.
  template <class Follow>
  void propagate(const Follow& follow) {
    const auto follow_all = [&] {
      while (!fresh_.empty()) {
        const Index unit = fresh_.back();
        fresh_.pop_back();
        follow(unit);
      }
    };
    follow_all();
    std::vector<std::uint8_t> own(kept_.size());
    for (std::size_t n = network_.nodes.size(); n-- > 0;) {
      // Its input will keep a channel; zeros that it adds need not stay as well.
      if (passes_channels_on(n, own)) continue;
      const std::vector<Index>& units = structure_.unit_of[n];
      bool any = false;
      for (const Index unit : units) any = any || is_kept(unit);
      if (!any)
        keep(units.front(), {keep_reason::last_of_layer,
                             structure_.first_node[static_cast<std::size_t>(units.front())]});
      follow_all();
    }
  }

 private:
  void keep_all(std::size_t n, cause why) {
    for (const Index unit : structure_.unit_of[n]) keep(unit, why);
  }
  /// Calls `use` for the unit of each channel that reaches node n and of which the node does not
  /// say what becomes of it: it is none of the result's channels nor tied to one, no weight reads
  /// it, and it is not said to be unread. Of inputs of the network nobody needs to know: they stay.
  /// `own` is all 0, also afterwards.
  template <class Use>
  void for_each_unknown(std::size_t n, std::vector<std::uint8_t>& own, const Use& use) const {
    const resolved_graph::node& node = network_.nodes[n];
    const channel_map& map = structure_.maps[n];
    std::vector<std::vector<std::uint8_t>> known;  // a unit may be known of one input only
    for (const std::size_t input : node.inputs)
      known.emplace_back(structure_.unit_of[input].size(),
                         network_.nodes[input].is_network_input ? 1 : 0);
    if (map.keeps != keep_reason::opaque) {
      const auto mark_result = [&](std::uint8_t with) {
        for (const Index unit : structure_.unit_of[n]) own[static_cast<std::size_t>(unit)] = with;
      };
      const auto mark = [&](const channel_map::channel& c, bool is_unread = false) {
        if (c.is_new()) return;
        const auto k = static_cast<std::size_t>(c.input), at = static_cast<std::size_t>(c.number);
        const Index unit = structure_.unit_of[node.inputs[k]][at];
        if (is_unread || own[static_cast<std::size_t>(unit)] != 0) known[k][at] = 1;
      };
      mark_result(1);
      for (const channel_map::channel& c : map.from) mark(c);
      for (const channel_map::channel& c : map.unread) mark(c, true);
      for (const auto& [a, b] : map.ties) {  // among inputs alone they say nothing of the result
        mark(a);
        mark(b);
      }
      mark_result(0);
      for (const parameter_declaration& p : node.parameters)
        if (p.reads) std::fill(known[p.reads->input].begin(), known[p.reads->input].end(), 1);
    }
    for (std::size_t k = 0; k < known.size(); ++k)
      for (std::size_t c = 0; c < known[k].size(); ++c)
        if (known[k][c] == 0) use(structure_.unit_of[node.inputs[k]][c]);
  }
  /// All channels of an input are among those of node n. `own` is all 0, also afterwards.
  [[nodiscard]] bool passes_channels_on(std::size_t n, std::vector<std::uint8_t>& own) const {
    const auto mark = [&](std::uint8_t with) {
      for (const Index unit : structure_.unit_of[n]) own[static_cast<std::size_t>(unit)] = with;
    };
    mark(1);
    bool passes = false;
    for (const std::size_t input : network_.nodes[n].inputs) {
      bool all = true;
      for (const Index unit : structure_.unit_of[input])
        all = all && own[static_cast<std::size_t>(unit)] != 0;
      passes = passes || all;
    }
    mark(0);
    return passes;
  }

  const resolved_graph& network_;
  const channel_structure& structure_;
  std::vector<std::uint8_t> kept_;
  std::vector<cause> causes_;
  std::vector<Index> fresh_;
  std::vector<Index> used_unknown_;  // per node: channels
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
