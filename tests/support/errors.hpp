// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include <string>  // std::string

namespace support {

/// What a call threw. Codes start at 101, so that "nothing" is no code.
struct thrown {
  prunus::errc code{};
  std::string message;
  [[nodiscard]] bool says(std::string_view part) const {
    return message.find(part) != std::string::npos;
  }
};

/// Runs `call`, which must throw an `Error`; an exception of another type is not caught.
template <class Error, class Call>
[[nodiscard]] thrown error_of(Call call) {
  try {
    call();
  } catch (const Error& e) {
    return {e.code(), e.what()};
  }
  return {};
}

template <class Error, class Call>
[[nodiscard]] prunus::errc code_of(Call call) {
  return error_of<Error>(call).code;
}

}  // namespace support
