// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/archive.hpp>
#include <prunus/core/axis.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/mask.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/read_file.hpp>
#include <prunus/core/write_file.hpp>

#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int64_t, std::uint8_t
#include <set>          // std::set
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// A mask and the parameter that it is for.
struct named_mask {
  std::string name;
  prunus::mask mask;
  friend bool operator==(const named_mask&, const named_mask&) = default;
};

namespace detail {

/// @throws shape_error (shape_mismatch)
template <weight_scalar S>
void check_fits(const mask& m, const parameter<S>& p) {
  if (m.grid().extents() != p.weight.extents || m.grid().axes() != p.weight.axes)
    throw shape_error(
        errc::shape_mismatch,
        concat("masks: the mask of ", p.name, " was made for ", m.grid().weights(),
               " weights of another shape or layout, the parameter is ", describe(p.weight)));
}

/// The grid that mask::save wrote ahead of the bits.
/// @throws file_error (truncated, malformed: no grid, or of more tiles than the file has bits)
template <class = compiled_on_use>
[[nodiscard]] tile_grid read_grid(archive_reader in, std::string_view parameter) {
  in.tag("prunus mask 1");
  weight_view<const float> shape{};
  std::array<Index, 4> sizes{};
  bool sane = true;
  for (std::size_t k = 0; k < 4; ++k) {
    shape.extents[k] = in.number<std::int64_t>();
    sizes[k] = in.number<std::int64_t>();
    shape.axes[k] = static_cast<axis>(in.number<std::uint8_t>());
    sane = sane && sizes[k] >= 1 && sizes[k] <= shape.extents[k];
  }
  if (!sane || !is_shape(shape.extents, shape.axes))
    throw file_error(errc::malformed,
                     concat(in.origin(), ": the mask of ", parameter, " has extents ",
                            joined_extents(shape.extents), " in tiles of ", joined_extents(sizes),
                            ", or an axis twice, which is no grid"));
  tile wanted;
  Index tiles = 1;
  for (std::size_t k = 0; k < 4; ++k) {
    (shape.axes[k] == axis::out      ? wanted.out
     : shape.axes[k] == axis::in     ? wanted.in
     : shape.axes[k] == axis::height ? wanted.height
                                     : wanted.width) = sizes[k];
    tiles *= (shape.extents[k] - 1) / sizes[k] + 1;
  }
  if (tiles / 8 >= in.remaining())
    throw file_error(errc::truncated, concat(in.origin(), ": ends before the ", tiles,
                                             " tiles of the mask of ", parameter));
  return {shape, wanted};
}

}  // namespace detail

/// Masks of the parameters of a model, by name and in an order: what pruning leaves, to hold, to
/// rewind by, to save.
///
///     prunus::pruned result = prunus::prune(net, pass, 0.5);
///     result.masks["fc1.weight"].sparsity();
///     for (const auto& [name, mask] : result.masks) print(name, mask.kept());
///     prunus::save_masks("masks.bin", result.masks);
///
/// A value; a name occurs once.
class named_masks {
 public:
  named_masks() = default;

  /// @throws argument_error (unknown_name: an empty one; duplicate_name); nothing is then added
  template <class = compiled_on_use>
  void add(std::string name, mask m) {
    if (name.empty())
      throw argument_error(errc::unknown_name, "named_masks.add: a mask needs a name");
    if (find(name) != nullptr)
      throw argument_error(errc::duplicate_name,
                           detail::concat("named_masks.add: ", name, " has a mask already"));
    masks_.push_back({std::move(name), std::move(m)});
  }

  /// As add, but a name that has a mask already loses what either of the two removes.
  /// @throws argument_error (unknown_name: an empty one), shape_error (shape_mismatch: the two are
  ///         of different grids); nothing is then changed
  template <class = compiled_on_use>
  void add_or_join(const std::string& name, const mask& m) {
    for (named_mask& there : masks_) {
      if (there.name != name) continue;
      if (there.mask.grid() != m.grid())
        throw shape_error(errc::shape_mismatch,
                          detail::concat("named_masks: the two masks of ", name,
                                         " are of different shapes or tiles"));
      for (Index t = 0; t < m.size(); ++t) there.mask.set(t, there.mask[t] && m[t]);
      return;
    }
    add(name, m);
  }

  /// The mask of that parameter, or nullptr. Cost: linear in the masks.
  [[nodiscard]] const mask* find(std::string_view name) const noexcept {
    for (const named_mask& m : masks_)
      if (m.name == name) return &m.mask;
    return nullptr;
  }
  /// @throws argument_error (unknown_name)
  [[nodiscard]] const mask& operator[](std::string_view name) const {
    if (const mask* found = find(name)) return *found;
    throw argument_error(errc::unknown_name, detail::concat("masks: ", name, " has no mask; ",
                                                            size(), " parameters have one"));
  }

  [[nodiscard]] Index size() const noexcept { return static_cast<Index>(masks_.size()); }
  [[nodiscard]] bool empty() const noexcept { return masks_.empty(); }
  /// Elements are named_mask, {name, mask}.
  [[nodiscard]] auto begin() const noexcept { return masks_.begin(); }
  [[nodiscard]] auto end() const noexcept { return masks_.end(); }

  /// Calls `use(parameter, mask)` for every mask, with the parameter of `net` that it is for.
  /// Allocates nothing. Cost: linear where masks stand in the order of the model.
  /// @throws argument_error (unknown_name: no such parameter), shape_error (shape_mismatch);
  ///         `use` has then seen the masks before
  template <weight_scalar S, class Use>
  void for_each_mask(const model<S>& net, Use use) const {
    std::size_t next = 0;
    for (const named_mask& m : masks_) {
      const std::vector<parameter<S>>& all = net.parameters();
      while (next < all.size() && all[next].name != m.name) ++next;
      const parameter<S>& p = next < all.size() ? all[next] : net[m.name];
      if (next == all.size()) next = static_cast<std::size_t>(&p - all.data());
      detail::check_fits(m.mask, p);
      use(p, m.mask);
    }
  }

  template <class = compiled_on_use>
  void save(archive_writer& out) const {
    out.tag("prunus masks 1");
    out.number(static_cast<std::int64_t>(masks_.size()));
    for (const named_mask& m : masks_) {
      out.text(m.name);
      m.mask.save(out);
    }
  }
  /// Takes over what save() wrote, whatever was here before.
  /// @throws file_error (truncated, malformed); these masks are then unchanged
  template <class = compiled_on_use>
  void load(archive_reader& in) {
    in.tag("prunus masks 1");
    const Index count = in.count("masks");
    named_masks loaded;
    std::set<std::string> names;
    for (Index i = 0; i < count; ++i) {
      std::string name = in.text();
      if (name.empty() || !names.insert(name).second)
        throw file_error(errc::malformed, detail::concat(in.origin(), ": mask ", i, " of ", count,
                                                         " has no name of its own"));
      mask m(detail::read_grid(in, name));
      m.load(in, name);
      loaded.masks_.push_back({std::move(name), std::move(m)});
    }
    *this = std::move(loaded);
  }

  friend bool operator==(const named_masks&, const named_masks&) = default;

 private:
  std::vector<named_mask> masks_;
};

/// Masks of a model, however they are kept: named_masks, or the pass_state of a pass.
///
/// `m.for_each_mask(net, use)` calls `use(parameter, mask)` for each of them, allocates nothing,
/// and throws where a mask fits no parameter of `net`.
template <class M, class S>
concept masks_of = requires(const M& m, const model<S>& net,
                            void (&use)(const parameter<S>&, const mask&)) {
  m.for_each_mask(net, use);
};

/// Writes masks into a file, whole or not at all. @throws file_error (cannot_open)
template <class = compiled_on_use>
void save_masks(const std::string& path, const named_masks& masks) {
  archive_writer out;
  masks.save(out);
  write_file(path, out.bytes());
}
/// @throws file_error (cannot_open, truncated, malformed: of another kind, or more behind the
/// masks)
template <class = compiled_on_use>
[[nodiscard]] named_masks load_masks(const std::string& path) {
  const std::string bytes = read_file(path);
  archive_reader in(bytes, path);
  named_masks masks;
  masks.load(in);
  in.expect_end();
  return masks;
}

}  // namespace v0
}  // namespace prunus
