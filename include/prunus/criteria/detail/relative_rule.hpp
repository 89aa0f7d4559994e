// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>  // std::same_as

namespace prunus {
inline namespace v0 {

/// How a weight scores by its square and by the sum of all squares of its parameter that are no
/// smaller. Never falls where the square grows, never grows where the sum does; 0 for a square of
/// 0.
template <class R>
concept relative_rule = requires(double square, double no_smaller) {
  { R::element_score(square, no_smaller) } -> std::same_as<double>;
};

template <relative_rule Rule>
struct relative_run;  // relative_run.hpp

}  // namespace v0
}  // namespace prunus
