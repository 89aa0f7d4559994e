// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/archive.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/mask.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/named_masks.hpp>
#include <prunus/core/unit_map.hpp>
#include <prunus/pruning/pass_report.hpp>

#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <optional>     // std::optional
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// What a pass has decided so far: its masks, and nothing of the weights. Copyable; can be saved
/// and loaded.
struct pass_state {
  /// One thing that is ranked: a parameter of its own, or the units of a coupling that the same
  /// layers have. So a coupling in which layers meet side by side (behind a concatenation) is
  /// several targets, and what holds of a target holds of each of its layers.
  struct target {
    struct member {
      Index parameter = 0;  ///< position in the model
      std::string name;     ///< of the parameter
      prunus::mask mask;    ///< removes tiles of this target alone
      unit_map unit_of;     ///< unit of every tile, or -1 for another target's; empty for a
                            ///< parameter of its own
      bool scored = true;
      prunus::limits limits{};  ///< of the parameter
    };
    std::string name;     ///< of the parameter, the coupling or, beyond its first target, the layer
    Index coupling = -1;  ///< number in model::couplings(); -1 for a parameter of its own
    prunus::limits limits{};  ///< of the units: such that the limits of every member hold
    std::vector<member> members;
    std::vector<std::uint8_t>
        coupled_keep{};  ///< one byte a unit; empty for a parameter of its own
    unit_map unit_of{};  ///< unit of every unit of the coupling, -1 where it has none here

    [[nodiscard]] bool coupled() const noexcept { return !coupled_keep.empty(); }
    /// One byte a unit, 1 = kept.
    [[nodiscard]] std::span<std::uint8_t> keep() noexcept {
      return coupled() ? std::span<std::uint8_t>(coupled_keep) : members.front().mask.bytes();
    }
    [[nodiscard]] std::span<const std::uint8_t> keep() const noexcept {
      return const_cast<target*>(this)->keep();
    }
    /// Carries the decision about units over to the masks of the members.
    void apply_to_members() noexcept {
      if (!coupled()) return;
      for (member& m : members)
        for (Index t = 0; t < m.mask.size(); ++t) {
          const Index unit = m.unit_of[static_cast<std::size_t>(t)];
          m.mask.set(t, unit < 0 || coupled_keep[static_cast<std::size_t>(unit)] != 0);
        }
    }
  };

  std::vector<target> targets;
  bool permanent = false;  ///< what is removed is pruned for good
  Index last_event = 0;    ///< number of the event carried out last; 0 before the first
  /// What is in the scope and cannot be pruned, and what is to be said of every event. Follows from
  /// the model and the pass; not saved.
  std::vector<pass_report::parameter> spared{};
  std::vector<pass_report::remark> remarks{};

  /// The mask of a parameter, or nothing where this pass does not prune it.
  [[nodiscard]] std::optional<mask> find(std::string_view parameter) const {
    std::optional<mask> found;
    for (const target& t : targets)
      for (const target::member& m : t.members) {
        if (m.name != parameter) continue;
        if (!found)
          found = m.mask;
        else
          found->remove_where_removed(m.mask);
      }
    return found;
  }
  /// @throws argument_error (unknown_name)
  [[nodiscard]] mask operator[](std::string_view parameter) const {
    if (std::optional<mask> found = find(parameter)) return *std::move(found);
    throw argument_error(
        errc::unknown_name,
        detail::concat("pass_state: ", parameter, " is not pruned by this pass, ", "which ranks ",
                       targets.size(), " parameters or couplings"));
  }

  /// Calls `use(parameter, mask)` for every parameter of the pass, for each of its targets where
  /// several share it. Allocates nothing.
  /// @throws argument_error (unknown_name: the state of another model), shape_error
  ///         (shape_mismatch); `use` has then seen the masks before
  template <weight_scalar S, class Use>
  void for_each_mask(const model<S>& net, Use use) const {
    for (const target& t : targets)
      for (const target::member& m : t.members) {
        const bool there = m.parameter < net.size() &&
                           net.parameters()[static_cast<std::size_t>(m.parameter)].name == m.name;
        const parameter<S>& p =
            there ? net.parameters()[static_cast<std::size_t>(m.parameter)] : net[m.name];
        detail::check_fits(m.mask, p);
        use(p, m.mask);
      }
  }

  /// The masks by name, in the order in which the pass ranks them.
  template <class = compiled_on_use>
  [[nodiscard]] named_masks masks() const {
    named_masks result;
    for (const target& t : targets)
      for (const target::member& m : t.members) result.add_or_join(m.name, m.mask);
    return result;
  }

  /// True when any tile of any parameter is removed, or any unit of a coupling, including units
  /// that appear in no parameter.
  [[nodiscard]] bool removed_anything() const noexcept {
    for (const target& t : targets) {
      for (const std::uint8_t keep : t.coupled_keep)
        if (keep == 0) return true;
      for (const target::member& m : t.members)
        if (m.mask.removed_anything()) return true;
    }
    return false;
  }

  template <class = compiled_on_use>
  void save(archive_writer& out) const {
    out.tag("prunus pass 2");
    out.number(static_cast<std::uint8_t>(permanent));
    out.number(static_cast<std::int64_t>(last_event));
    out.number(static_cast<std::int64_t>(targets.size()));
    for (const target& t : targets) {
      out.text(t.name);
      out.number(static_cast<std::int64_t>(t.coupled_keep.size()));
      out.values(t.coupled_keep.data(), static_cast<Index>(t.coupled_keep.size()));
      for (const target::member& m : t.members) m.mask.save(out);
    }
  }

  /// Takes over what save() wrote for the same pass and model.
  /// @throws file_error, shape_error; this state may then be half-loaded: load into a copy
  template <class = compiled_on_use>
  void load(archive_reader& in) {
    in.tag("prunus pass 2");
    permanent = in.flag("a permanent pass");
    last_event = in.count("events");
    const Index count = in.count("parameters or groups");
    if (count != static_cast<Index>(targets.size()))
      throw shape_error(errc::shape_mismatch,
                        detail::concat(in.origin(), ": the pass saved here prunes ", count,
                                       " parameters or groups, this one ", targets.size()));
    for (target& t : targets) {
      const std::string name = in.text();
      const Index units = in.count("coupled units");
      if (name != t.name || units != static_cast<Index>(t.coupled_keep.size()))
        throw shape_error(errc::shape_mismatch,
                          detail::concat(in.origin(), ": the pass saved here prunes ", name,
                                         " with ", units, " coupled units where this one has ",
                                         t.name, " with ", t.coupled_keep.size()));
      in.values(t.coupled_keep.data(), units);
      for (const std::uint8_t keep : t.coupled_keep)
        if (keep > 1)
          throw file_error(errc::malformed,
                           detail::concat(in.origin(), ": a unit of ", name, " is marked ", keep,
                                          ", neither kept nor removed"));
      for (target::member& m : t.members) m.mask.load(in, m.name);
    }
  }
};

}  // namespace v0
}  // namespace prunus
