// SPDX-License-Identifier: MIT
#include <prunus/simd/packet.hpp>

#include "support/catch.hpp"

#include <vector>  // std::vector

namespace detail = prunus::detail;

TEST_CASE("a packet is a register of the instruction set that is compiled for",
          "[runtime][packet]") {
#if defined(__AVX512F__)
  constexpr int bytes = 64, registers = 32;
#elif defined(__AVX__)
  constexpr int bytes = 32, registers = 16;
#elif defined(__aarch64__)
  constexpr int bytes = 16, registers = 32;  // NEON
#else
  constexpr int bytes = 16, registers = 16;
#endif
  STATIC_REQUIRE(sizeof(detail::packet<float>) == bytes);
  STATIC_REQUIRE(sizeof(detail::packet<double>) == bytes);
  STATIC_REQUIRE(detail::lanes<float> == bytes / 4);
  STATIC_REQUIRE(detail::lanes<double> == bytes / 8);
  STATIC_REQUIRE(detail::vector_registers == registers);

  std::vector<float> numbers(static_cast<std::size_t>(detail::lanes<float>));
  float sum = 0;
  for (float& x : numbers) x = ++sum;
  sum = sum * (sum + 1) / 2;
  CHECK(detail::sum_of_lanes<float>(detail::load(numbers.data())) == sum);
}
