// SPDX-License-Identifier: MIT
#pragma once

// Names without definitions, for headers that only mention them. The inline namespace makes own
// forward declarations impossible; include this instead.

namespace prunus {
inline namespace v0 {

enum class axis : unsigned char;
enum class errc;
class error;
class layout;
struct tile;
class tile_grid;
class mask;
class named_masks;
class graph;
class any_operation;
class network_structure;
struct resolved_graph;
struct plan;
struct pass_state;
struct pass_report;
struct progress;

}  // namespace v0
}  // namespace prunus
