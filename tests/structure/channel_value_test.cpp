// SPDX-License-Identifier: MIT
#include <prunus/structure/channel_value.hpp>

#include "support/catch.hpp"

#include <limits>

namespace {

using prunus::channel_value;

}  // namespace

TEST_CASE("a channel is zero where nothing else is said", "[structure][channel_value]") {
  CHECK(channel_value{}.is_zero());
  CHECK(channel_value{}.is_constant());
  CHECK_FALSE(channel_value{}.is_alive());
}

TEST_CASE("a channel is a constant, one that breaks, or anything", "[structure][channel_value]") {
  const channel_value two = channel_value::of(2);
  CHECK((two.is_constant() && two.value == 2 && !two.is_zero() && !two.is_alive()));
  const channel_value broken = channel_value::broken(7);
  CHECK((!broken.is_constant() && !broken.is_alive() && broken.broken_at == 7));
  const channel_value any = channel_value::anything();
  CHECK((any.is_alive() && !any.is_constant() && !any.is_zero()));
}

TEST_CASE("what is not finite counts as alive", "[structure][channel_value]") {
  using limits = std::numeric_limits<double>;
  for (const double value : {limits::infinity(), -limits::infinity(), limits::quiet_NaN()})
    CHECK(channel_value::of(value).is_alive());
}

TEST_CASE("a zero that is only nearly one is no zero", "[structure][channel_value]") {
  const channel_value nearly = channel_value::of(0, true);
  CHECK(nearly.is_constant());
  CHECK_FALSE(nearly.is_zero());
}
