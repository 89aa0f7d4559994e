// SPDX-License-Identifier: MIT
#include "support/catch.hpp"

#include <examples/support/text.hpp>

#include <cstdint>  // std::uint8_t, std::int64_t
#include <string>   // std::string

using prunus_examples::joined;

TEST_CASE("joined puts texts and numbers one after the other", "[examples][text]") {
  CHECK(joined().empty());
  CHECK(joined("image ", 3, std::string(" of "), 10U, '.') == "image 3 of 10.");
  CHECK(joined(std::uint8_t{65}, ' ', std::int64_t{-5000000000}) == "65 -5000000000");
  CHECK(joined(true, false) == "10");
}

TEST_CASE("joined writes the shortest number that reads back the same", "[examples][text]") {
  CHECK(joined(0.1, ' ', 0.1F, ' ', 1.0, ' ', 1e300) == "0.1 0.1 1 1e+300");
  CHECK(std::stod(joined(1.0 / 3)) == 1.0 / 3);
}
