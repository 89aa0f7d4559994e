// SPDX-License-Identifier: MIT
// expect: a temporary container would dangle
#include <prunus/core/view.hpp>

#include <vector>  // std::vector

auto view_named() {
  static std::vector<float> weight(6);
  return prunus::view(weight, {2, 3});
}

#ifdef PRUNUS_MISTAKE
auto view_temporary() { return prunus::view(std::vector<float>(6), {2, 3}); }
#endif
