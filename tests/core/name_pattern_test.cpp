// SPDX-License-Identifier: MIT
#include <prunus/core/name_pattern.hpp>

#include "support/catch.hpp"
#include "support/random_source.hpp"

#include <string>       // std::string
#include <string_view>  // std::string_view

using prunus::matches;

TEST_CASE("a pattern without stars fits its own name only", "[core][name_pattern]") {
  STATIC_REQUIRE(matches("fc.weight", "fc.weight"));
  CHECK_FALSE(matches("fc.weight", "fc.weight2"));
  CHECK_FALSE(matches("fc.weight", "fc.weigh"));
  CHECK_FALSE(matches("fc.weight", "FC.weight"));
  CHECK(matches("", ""));
  CHECK_FALSE(matches("", "a"));
  CHECK_FALSE(matches("fc?weight", "fc.weight"));
}

TEST_CASE("a star stands for any text, also none", "[core][name_pattern]") {
  CHECK(matches("conv*", "conv"));
  CHECK(matches("conv*", "conv1.weight"));
  CHECK_FALSE(matches("conv*", "preconv"));
  CHECK(matches("*.bias", "fc.bias"));
  CHECK(matches("*.bias", ".bias"));
  CHECK_FALSE(matches("*.bias", "fc.bias.gradient"));
  CHECK(matches("*", ""));
  CHECK(matches("**", "anything"));
  CHECK(matches("layer*.conv*.weight", "layer1.0.conv2.weight"));
  CHECK(matches("*ab*ab", "abaab"));  // the first "ab" must not be taken for the last
  CHECK(matches("a*b*c", "aXbYbZc"));
  CHECK_FALSE(matches("a*b*c", "aXcYb"));
}

namespace {

/// The definition itself: a star takes 0, 1, 2, ... letters.
bool fits(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern.front() == '*')
    return fits(pattern.substr(1), name) || (!name.empty() && fits(pattern, name.substr(1)));
  return !name.empty() && pattern.front() == name.front() &&
         fits(pattern.substr(1), name.substr(1));
}

}  // namespace

TEST_CASE("matching agrees with trying every length of every star", "[core][name_pattern]") {
  support::random_source random(7);
  int fitting = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string pattern, name;
    for (auto n = random.between(0, 6); n > 0; --n) pattern += "ab*"[random.between(0, 2)];
    for (auto n = random.between(0, 7); n > 0; --n) name += "ab"[random.between(0, 1)];
    if (matches(pattern, name) != fits(pattern, name)) FAIL(pattern << " against " << name);
    fitting += matches(pattern, name) ? 1 : 0;
  }
  CHECK(fitting > 300);
  CHECK(fitting < 2700);
}
