// SPDX-License-Identifier: MIT
#pragma once

namespace prunus {
inline namespace v0 {

/// Stands where a function needs no template parameter but is one all the same, so that a program
/// compiles it where it calls it and not wherever it includes it:
/// `template <class = compiled_on_use>`.
struct compiled_on_use;

}  // namespace v0
}  // namespace prunus
