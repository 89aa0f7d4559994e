// SPDX-License-Identifier: MIT
#include <prunus/core/error.hpp>

// The program that every way of consuming prunus has to compile and run.
int main() {
  try {
    throw prunus::argument_error(prunus::errc::out_of_range, "sparsity must be below 1");
  } catch (const prunus::error& caught) {
    return caught.code() == prunus::errc::out_of_range ? 0 : 1;
  }
}
