// SPDX-License-Identifier: MIT
// expect: deleted function
#include <prunus/core/view.hpp>

int main() {
  Eigen::MatrixXf weights(2, 3);
#ifdef PRUNUS_MISTAKE
  prunus::view(Eigen::MatrixXf(2, 3));
#else
  [[maybe_unused]] const auto seen = prunus::view(weights);
#endif
}
