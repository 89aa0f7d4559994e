// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/keep_reason.hpp>
#include <prunus/structure/detail/channel_structure.hpp>
#include <prunus/structure/resolve.hpp>

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t
#include <vector>   // std::vector

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
        causes_(kept_.size()) {}

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
    for (std::size_t n = 0; n < network_.nodes.size(); ++n) {
      if (structure_.maps[n].keeps == keep_reason::opaque) keep_all(n, {keep_reason::opaque, n});
      for (const Index unit : structure_.used_unknown[n]) keep(unit, {keep_reason::opaque, n});
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
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
