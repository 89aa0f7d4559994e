// SPDX-License-Identifier: MIT
#pragma once

// The one door to Catch2 for all tests: version 2 keeps everything in one header, version 3 has a
// header per feature. Tests use what both offer: TEST_CASE, TEMPLATE_TEST_CASE, SECTION, GENERATE,
// REQUIRE*, CHECK*, INFO, CAPTURE, Catch::Approx and the matchers WithinAbs and WithinRel.
#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_approx.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#else
#include <catch2/catch.hpp>
#endif
