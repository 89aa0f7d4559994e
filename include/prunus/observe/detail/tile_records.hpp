// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/archive.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/tile.hpp>

#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int64_t
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// `Numbers` numbers for every tile of one parameter; which number means what is the user's matter.
template <std::size_t Numbers, class T = double>
struct tile_record {
  std::string name;
  tile_grid grid;
  std::array<std::vector<T>, Numbers> values;

  friend bool operator==(const tile_record&, const tile_record&) = default;
};

/// Records of what of a model can be scored by its gradient: weights of two axes or more, and what
/// was asked for, unless it must not be pruned.
/// @throws argument_error (empty_model: no such parameter has a gradient)
template <std::size_t Numbers, class T = double, weight_scalar S>
[[nodiscard]] std::vector<tile_record<Numbers, T>> records_for(const model<S>& net,
                                                               const tile& shape,
                                                               std::string_view where) {
  std::vector<tile_record<Numbers, T>> records;
  for (const parameter<S>& p : net.parameters()) {
    if (p.options.gradient.data == nullptr || !p.options.prunable.value_or(p.weight.rank >= 2))
      continue;
    tile_record<Numbers, T>& added = records.emplace_back();
    added.name = p.name;
    added.grid = tile_grid(p.weight, shape);
    for (std::vector<T>& values : added.values)
      values.assign(static_cast<std::size_t>(added.grid.size()), T{0});
  }
  if (records.empty())
    throw argument_error(errc::empty_model,
                         concat(where, ": none of the ", net.size(), " parameters has a gradient ",
                                "and may be pruned; give model.add the option .gradient"));
  return records;
}

/// The parameter of a record in a model, checked before anything is written.
/// @throws argument_error (unknown_name; null_storage: no gradient), shape_error (shape_mismatch)
template <std::size_t Numbers, class T, weight_scalar S>
[[nodiscard]] const parameter<S>& parameter_of(const tile_record<Numbers, T>& record,
                                               const model<S>& net, std::string_view where) {
  const parameter<S>& p = net[record.name];
  if (p.options.gradient.data == nullptr)
    throw argument_error(errc::null_storage,
                         concat(where, ": ", p.name, " has no gradient in this model"));
  if (p.weight.extents != record.grid.extents() || p.weight.axes != record.grid.axes())
    throw shape_error(errc::shape_mismatch, concat(where, ": ", p.name, " is ", describe(p.weight),
                                                   " now and was not when gathering began"));
  return p;
}

/// The record of that name, over that grid.
/// @throws argument_error (unknown_name), shape_error (shape_mismatch: another tile or shape)
template <std::size_t Numbers, class T>
[[nodiscard]] const tile_record<Numbers, T>& find_record(
    const std::vector<tile_record<Numbers, T>>& records, std::string_view name,
    const tile_grid& grid, std::string_view where) {
  for (const tile_record<Numbers, T>& r : records)
    if (r.name == name) {
      if (r.grid == grid) return r;
      throw shape_error(
          errc::shape_mismatch,
          concat(where, ": ", r.grid.size(), " tiles were gathered for ", name, ", the pass has ",
                 grid.size(), "; gather with the tile of the pass, over the same shape"));
    }
  throw argument_error(errc::unknown_name, concat(where, ": nothing was gathered for ", name));
}

template <std::size_t Numbers, class T>
void save_records(archive_writer& out, const std::vector<tile_record<Numbers, T>>& records) {
  out.number(static_cast<std::int64_t>(records.size()));
  for (const tile_record<Numbers, T>& r : records) {
    out.text(r.name);
    out.number(static_cast<std::int64_t>(r.grid.size()));
    for (const std::vector<T>& values : r.values)
      out.values(values.data(), static_cast<Index>(values.size()));
  }
}
/// @throws file_error, shape_error (shape_mismatch: saved over other names or tiles); `records` may
/// then be half-loaded: load into a copy
template <std::size_t Numbers, class T>
void load_records(archive_reader& in, std::vector<tile_record<Numbers, T>>& records) {
  const Index count = in.count("parameters");
  if (count != static_cast<Index>(records.size()))
    throw shape_error(errc::shape_mismatch, concat(in.origin(), ": saved for ", count,
                                                   " parameters, here are ", records.size()));
  for (tile_record<Numbers, T>& r : records) {
    const std::string name = in.text();
    const Index tiles = in.count("tiles");
    if (name != r.name || tiles != r.grid.size())
      throw shape_error(errc::shape_mismatch,
                        concat(in.origin(), ": saved for ", tiles, " tiles of ", name,
                               ", here are ", r.grid.size(), " of ", r.name));
    for (std::vector<T>& values : r.values) in.values(values.data(), tiles);
  }
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
