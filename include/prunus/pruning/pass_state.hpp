// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/archive.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/mask.hpp>
#include <prunus/core/model.hpp>

#include <cstdint>  // std::uint8_t
#include <span>     // std::span
#include <string>   // std::string
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {

/// What a pass has decided so far: its masks, and nothing of the weights. Copyable; can be saved
/// and loaded.
struct pass_state {
  /// One thing that is ranked: a parameter of its own, or weights that live and die together.
  struct target {
    struct member {
      Index parameter = 0;  ///< position in the model
      prunus::mask mask;
      std::vector<Index> unit_of;  ///< unit of every tile; empty for a parameter of its own
      bool scored = true;
    };
    std::string name;
    prunus::limits limits{};
    std::vector<member> members;
    std::vector<std::uint8_t> coupled_keep;  ///< one byte a unit; empty for a parameter of its own

    [[nodiscard]] bool coupled() const noexcept { return !coupled_keep.empty(); }
    /// One byte a unit, 1 = kept.
    [[nodiscard]] std::span<std::uint8_t> keep() noexcept {
      return coupled() ? std::span<std::uint8_t>(coupled_keep) : members.front().mask.bytes();
    }
    /// Carries the decision about units over to the masks of the members.
    void apply_to_members() noexcept {
      if (!coupled()) return;
      for (member& m : members)
        for (Index t = 0; t < m.mask.size(); ++t)
          m.mask.set(
              t,
              coupled_keep[static_cast<std::size_t>(m.unit_of[static_cast<std::size_t>(t)])] != 0);
    }
  };

  std::vector<target> targets;
  bool permanent = false;  ///< what is removed is pruned for good
  Index last_event = 0;    ///< number of the event carried out last; 0 before the first

  /// The mask of a parameter, or nullptr where this pass does not prune it.
  [[nodiscard]] const mask* find(Index parameter) const noexcept {
    for (const target& t : targets)
      for (const target::member& m : t.members)
        if (m.parameter == parameter) return &m.mask;
    return nullptr;
  }

  /// Calls `use(parameter position, mask)` for every parameter of the pass.
  template <class Use>
  void for_each_mask(Use use) const {
    for (const target& t : targets)
      for (const target::member& m : t.members) use(m.parameter, m.mask);
  }

  /// True when any tile of any parameter is removed, or any unit of a coupling, also one that no
  /// parameter has.
  [[nodiscard]] bool removed_anything() const noexcept {
    bool any = false;
    for_each_mask([&](Index, const mask& m) { any = any || m.removed_anything(); });
    for (const target& t : targets)
      for (const std::uint8_t keep : t.coupled_keep) any = any || keep == 0;
    return any;
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
    permanent = in.number<std::uint8_t>() != 0;
    last_event = in.number<std::int64_t>();
    const auto count = in.number<std::int64_t>();
    if (count != static_cast<std::int64_t>(targets.size()))
      throw shape_error(errc::shape_mismatch,
                        detail::concat(in.origin(), ": the pass saved here prunes ", count,
                                       " parameters or groups, this one ", targets.size()));
    for (target& t : targets) {
      const std::string name = in.text();
      const auto units = in.number<std::int64_t>();
      if (name != t.name || units != static_cast<std::int64_t>(t.coupled_keep.size()))
        throw shape_error(errc::shape_mismatch,
                          detail::concat(in.origin(), ": the pass saved here prunes ", name,
                                         " with ", units, " coupled units where this one has ",
                                         t.name, " with ", t.coupled_keep.size()));
      in.values(t.coupled_keep.data(), static_cast<Index>(units));
      for (const std::uint8_t keep : t.coupled_keep)
        if (keep > 1)
          throw file_error(errc::malformed,
                           detail::concat(in.origin(), ": a unit of ", name, " is marked ", keep,
                                          ", neither kept nor removed"));
      for (target::member& m : t.members) m.mask.load(in);
    }
  }
};

/// What one event of a pass did.
struct pass_report {
  struct parameter {
    std::string name;
    Index units = 0;         ///< tiles of the parameter
    Index kept = 0;          ///< tiles kept
    Index weights = 0;       ///< single weights
    Index weights_kept = 0;  ///< single weights in the tiles kept
  };
  Index event = 0;
  double target = 0;  ///< the sparsity asked for
  std::vector<parameter> parameters;

  /// Share of the tiles that are removed: compare with `target` to see what limits held back.
  [[nodiscard]] double achieved() const noexcept {
    Index units = 0, kept = 0;
    for (const parameter& p : parameters) {
      units += p.units;
      kept += p.kept;
    }
    return units == 0 ? 0.0 : 1.0 - static_cast<double>(kept) / static_cast<double>(units);
  }
};

}  // namespace v0
}  // namespace prunus
