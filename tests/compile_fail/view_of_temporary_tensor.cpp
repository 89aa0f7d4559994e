// SPDX-License-Identifier: MIT
// expect: a temporary tensor would dangle
#include <prunus/core/view.hpp>

#include <unsupported/Eigen/CXX11/Tensor>

using tensor = Eigen::Tensor<float, 4, Eigen::RowMajor>;

auto view_named() {
  static tensor weight(2, 2, 3, 3);
  return prunus::view(weight);
}

#ifdef PRUNUS_MISTAKE
auto view_temporary() { return prunus::view(tensor(2, 2, 3, 3)); }
#endif
