// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include "dataset.hpp"
#include "gz_file.hpp"
#include "text.hpp"

#include <algorithm>    // std::clamp, std::min
#include <array>        // std::array
#include <cstddef>      // std::ptrdiff_t, std::size_t
#include <cstdint>      // std::uint8_t, std::uint32_t
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus_examples {
namespace detail {

/// Reads the header of an IDX file of bytes with `Rank` axes and returns their lengths: two zero
/// bytes, 8 for unsigned bytes, the rank, then each length as four bytes, highest first.
template <std::size_t Rank>
[[nodiscard]] std::array<std::ptrdiff_t, Rank> read_idx_header(gz_file& file) {
  std::array<std::uint8_t, 4> magic{};
  file.read(magic, "the head of an IDX file");
  const std::array<std::uint8_t, 4> expected{0, 0, 8, Rank};
  if (magic != expected) {
    std::string came;
    for (const std::uint8_t byte : magic) came += joined(" ", byte);
    throw prunus::file_error(
        prunus::errc::malformed,
        joined(file.path(), ": an IDX file of bytes with ", Rank, " axes begins with 0 0 8 ", Rank,
               ", this one with", came, "; is it another file, renamed?"));
  }
  std::array<std::ptrdiff_t, Rank> lengths{};
  for (std::ptrdiff_t& length : lengths) {
    std::array<std::uint8_t, 4> bytes{};
    file.read(bytes, "the lengths of the axes");
    std::uint32_t value = 0;
    for (const std::uint8_t byte : bytes) value = value << 8U | byte;
    length = static_cast<std::ptrdiff_t>(value);
  }
  return lengths;
}

/// Bounds what a damaged header can make us allocate.
inline void check_idx_shape(const std::string& path, std::ptrdiff_t count, std::ptrdiff_t height,
                            std::ptrdiff_t width) {
  constexpr std::ptrdiff_t largest = 4096;
  if (count >= 1 && height >= 1 && height <= largest && width >= 1 && width <= largest) return;
  throw prunus::file_error(
      prunus::errc::malformed,
      joined(path, ": at least one image of 1 x 1 to 4096 x 4096 pixels was expected, got ", count,
             " of ", height, " x ", width, "; fetch the file again"));
}

inline void check_end(gz_file& file) {
  if (file.at_end()) return;
  throw prunus::file_error(prunus::errc::malformed,
                           joined(file.path(),
                                  ": the file goes on after the last item that its head announces; "
                                  "is it another file, renamed?"));
}

inline void append_pixels(const std::vector<std::uint8_t>& bytes, std::vector<float>& pixels) {
  for (const std::uint8_t byte : bytes) pixels.push_back(static_cast<float>(byte) / 255.0F);
}

}  // namespace detail

/// Reads a pair of IDX files, the format of MNIST and Fashion-MNIST: one grey channel, pixels
/// scaled to [0, 1]. Either file may be gzip-compressed.
///
/// @param limit how many images to read at most; what lies behind them is not looked at
/// @param classes labels are 0 .. classes - 1
/// @throws prunus::file_error cannot_open, truncated, malformed (another kind of file, counts of
///         images and labels that differ, a label outside its range)
[[nodiscard]] inline dataset read_idx(const std::string& images_path,
                                      const std::string& labels_path,
                                      std::ptrdiff_t limit = data_limit::all,
                                      std::ptrdiff_t classes = 10) {
  gz_file images(images_path);
  gz_file labels(labels_path);
  const auto [count, height, width] = detail::read_idx_header<3>(images);
  const auto [label_count] = detail::read_idx_header<1>(labels);
  detail::check_idx_shape(images_path, count, height, width);
  if (count != label_count) {
    throw prunus::file_error(
        prunus::errc::malformed,
        joined(labels_path, ": ", count, " labels were expected, one for each image in ",
               images_path, ", got ", label_count, "; take both files from the same set"));
  }
  dataset data{.channels = 1, .height = height, .width = width, .classes = classes};
  const std::ptrdiff_t used = std::clamp<std::ptrdiff_t>(limit, 0, count);
  constexpr std::ptrdiff_t most_reserved = std::ptrdiff_t{1} << 26;  // the head may lie
  data.images.reserve(static_cast<std::size_t>(std::min(used * height * width, most_reserved)));
  std::vector<std::uint8_t> image(static_cast<std::size_t>(height * width));
  for (std::ptrdiff_t i = 0; i < used; ++i) {
    std::uint8_t label = 0;
    images.read(image, joined("image ", i, " of ", count));
    labels.read({&label, 1}, joined("label ", i, " of ", count));
    detail::check_label(labels_path, i, label, classes);
    detail::append_pixels(image, data.images);
    data.labels.push_back(label);
  }
  if (used == count) {
    detail::check_end(images);
    detail::check_end(labels);
  }
  return data;
}

}  // namespace prunus_examples
