// SPDX-License-Identifier: MIT
// expect: not a constant expression
#include <prunus/core/view.hpp>

auto view_of(float* weights) {
#ifdef PRUNUS_MISTAKE
  return prunus::view(weights, {64, 32, 3, 3}, "NCHW");
#else
  return prunus::view(weights, {64, 32, 3, 3}, "OIHW");
#endif
}
