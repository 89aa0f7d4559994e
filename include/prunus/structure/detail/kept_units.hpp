// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/structure/detail/channel_structure.hpp>
#include <prunus/structure/plan.hpp>
#include <prunus/structure/resolve.hpp>

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t
#include <variant>  // std::holds_alternative
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// Which units stay, found as a garbage collector finds what is alive: from the outputs back along
/// everything that is read. Who is kept says why it was kept first.
class kept_units {
 public:
  struct cause {
    plan::keep_reason reason;
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

  /// The outputs and inputs of the network.
  void keep_ends() {
    for (std::size_t n = 0; n < network_.nodes.size(); ++n) {
      const bool is_input = network_.nodes[n].operation.is<operation::input>();
      if (!is_input && !network_.nodes[n].is_output) continue;
      for (Index unit : structure_.unit_of[n])
        keep(unit,
             {is_input ? plan::keep_reason::input_of_network : plan::keep_reason::output_of_network,
              n});
    }
  }
  /// Follows what is newly kept with `follow(unit)`, which may keep more, then saves layers that
  /// lost every channel, last layers first, until nothing changes.
  template <class Follow>
  void settle(const Follow& follow) {
    const auto drain = [&] {
      while (!fresh_.empty()) {
        const Index unit = fresh_.back();
        fresh_.pop_back();
        follow(unit);
      }
    };
    drain();
    for (std::size_t n = network_.nodes.size(); n-- > 0;) {
      // Its input will keep a channel; zeros that it adds need not stay as well.
      if (passes_channels_on(n)) continue;
      const std::vector<Index>& units = structure_.unit_of[n];
      bool any = false;
      for (Index unit : units) any = any || is_kept(unit);
      if (!any)
        keep(units.front(), {plan::keep_reason::last_of_layer, first_node_of(units.front())});
      drain();
    }
  }

 private:
  /// All channels of an input are among those of node n.
  [[nodiscard]] bool passes_channels_on(std::size_t n) const {
    std::vector<std::uint8_t> own(kept_.size());
    for (Index unit : structure_.unit_of[n]) own[static_cast<std::size_t>(unit)] = 1;
    for (std::size_t input : network_.nodes[n].inputs) {
      bool all = true;
      for (Index unit : structure_.unit_of[input])
        all = all && own[static_cast<std::size_t>(unit)] != 0;
      if (all) return true;
    }
    return false;
  }
  /// The layer that produces the channels of a unit.
  [[nodiscard]] std::size_t first_node_of(Index unit) const {
    for (std::size_t n = 0;; ++n)
      for (Index other : structure_.unit_of[n])
        if (other == unit) return n;
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
