// SPDX-License-Identifier: MIT
// The main function of the tests, for a target that the installed Catch2 (version 2) was not
// compiled for.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
