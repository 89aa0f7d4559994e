// SPDX-License-Identifier: MIT
#include <prunus/runtime/denormal_guard.hpp>

#include "support/catch.hpp"

#include <cfenv>        // std::fesetround, std::fegetround
#include <latch>        // std::latch
#include <limits>       // std::numeric_limits
#include <thread>       // std::thread
#include <type_traits>  // std::is_copy_constructible_v

namespace {

// Volatile operands, so that the product is made at run time and under the control word then in
// force.
template <class Scalar>
Scalar half_of_smallest_normal() {
  volatile Scalar smallest = std::numeric_limits<Scalar>::min();
  volatile auto half = Scalar(0.5);
  volatile Scalar product = smallest * half;
  return product;
}

template <class Scalar>
Scalar denormal_doubled() {
  volatile Scalar denormal = std::numeric_limits<Scalar>::denorm_min();
  volatile Scalar large = Scalar(1) / std::numeric_limits<Scalar>::min();
  volatile Scalar product = denormal * large;
  return product;
}

}  // namespace

static_assert(!std::is_copy_constructible_v<prunus::denormal_guard>);
static_assert(!std::is_move_constructible_v<prunus::denormal_guard>);

TEMPLATE_TEST_CASE("denormal_guard turns denormal results into zero while it lives",
                   "[runtime][denormal_guard]", float, double) {
  REQUIRE(half_of_smallest_normal<TestType>() > TestType(0));
  {
    const prunus::denormal_guard guard;
    CHECK((half_of_smallest_normal<TestType>() == TestType(0)) == guard.supported);
  }
  CHECK(half_of_smallest_normal<TestType>() > TestType(0));
}

TEMPLATE_TEST_CASE("denormal_guard takes denormal operands for zero while it lives",
                   "[runtime][denormal_guard]", float, double) {
  REQUIRE(denormal_doubled<TestType>() > TestType(0));
  {
    const prunus::denormal_guard guard;
    CHECK((denormal_doubled<TestType>() == TestType(0)) == guard.supported);
  }
  CHECK(denormal_doubled<TestType>() > TestType(0));
}

TEST_CASE("an inner denormal_guard leaves the outer one in force", "[runtime][denormal_guard]") {
  const prunus::denormal_guard outer;
  { const prunus::denormal_guard inner; }
  CHECK((half_of_smallest_normal<float>() == 0.0F) == outer.supported);
}

TEST_CASE("denormal_guard keeps a rounding mode chosen while it lives",
          "[runtime][denormal_guard]") {
  const int before = std::fegetround();
  {
    const prunus::denormal_guard guard;
    REQUIRE(std::fesetround(FE_UPWARD) == 0);
  }
  CHECK(std::fegetround() == FE_UPWARD);
  REQUIRE(std::fesetround(before) == 0);
}

TEST_CASE("denormal_guard covers its own thread alone", "[runtime][denormal_guard]") {
  std::latch guarded{1};
  std::latch looked{1};
  std::thread other([&] {
    const prunus::denormal_guard guard;
    guarded.count_down();
    looked.wait();
  });
  guarded.wait();
  const auto here = half_of_smallest_normal<float>();
  looked.count_down();
  other.join();
  CHECK(here > 0.0F);
}
