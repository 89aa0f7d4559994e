// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include "dataset.hpp"
#include "gz_file.hpp"
#include "text.hpp"

#include <algorithm>  // std::clamp
#include <cstddef>    // std::ptrdiff_t, std::size_t
#include <cstdint>    // std::uint8_t
#include <span>       // std::span
#include <string>     // std::string
#include <vector>     // std::vector

namespace prunus_examples {

/// Reads binary batches of CIFAR-10, one after the other: records of one label byte and 3072 bytes,
/// the red, the green and the blue plane of 32 x 32 pixels, which are scaled to [0, 1]. Files may
/// be gzip-compressed.
///
/// @param limit how many images to read at most; what lies behind them is not looked at
/// @throws prunus::file_error cannot_open, truncated (not a whole number of records), malformed (a
///         label above 9, damaged compression)
[[nodiscard]] inline dataset read_cifar10(std::span<const std::string> paths,
                                          std::ptrdiff_t limit = data_limit::all) {
  constexpr int classes = 10;
  dataset data{.channels = 3, .height = 32, .width = 32, .classes = classes};
  data.images.reserve(static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(limit, 0, 10000)) * 3072);
  std::vector<std::uint8_t> record(1 + 3 * 32 * 32);
  for (const std::string& path : paths) {
    if (data.size() >= limit) break;
    gz_file file(path);
    for (std::ptrdiff_t index = 0; data.size() < limit; ++index) {
      const std::size_t came = file.read_some(record);
      if (came == 0 && index > 0) break;
      if (came < record.size()) {
        throw prunus::file_error(prunus::errc::truncated,
                                 joined(path, ": records of 3073 bytes were expected, number ",
                                        index, " has ", came, "; fetch the file again"));
      }
      const int label = record[0];
      detail::check_label(path, index, label, classes);
      data.labels.push_back(label);
      for (const std::uint8_t byte : std::span(record).subspan(1)) {
        data.images.push_back(static_cast<float>(byte) / 255.0F);
      }
    }
  }
  return data;
}

}  // namespace prunus_examples
