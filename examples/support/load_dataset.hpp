// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include "cifar.hpp"
#include "dataset.hpp"
#include "digits.hpp"
#include "idx.hpp"
#include "text.hpp"

#include <algorithm>         // std::min
#include <cstddef>           // std::ptrdiff_t
#include <cstdlib>           // std::getenv
#include <filesystem>        // std::filesystem::path, std::filesystem::is_regular_file
#include <initializer_list>  // std::initializer_list
#include <optional>          // std::optional
#include <string>            // std::string
#include <system_error>      // std::error_code
#include <vector>            // std::vector

namespace prunus_examples {
namespace detail {

/// The first of these names that is there, plain before gzip-compressed.
[[nodiscard]] inline std::optional<std::string> find_file(
    const std::filesystem::path& directory, std::initializer_list<const char*> names) {
  for (const char* const ending : {"", ".gz"}) {
    for (const char* const name : names) {
      std::error_code ignored;
      const std::filesystem::path path = directory / (std::string(name) + ending);
      if (std::filesystem::is_regular_file(path, ignored)) return path.string();
    }
  }
  return std::nullopt;
}

/// @throws prunus::file_error cannot_open
[[nodiscard]] inline std::string need_file(const std::filesystem::path& directory,
                                           std::initializer_list<const char*> names) {
  if (const auto path = find_file(directory, names)) return *path;
  throw prunus::file_error(
      prunus::errc::cannot_open,
      joined((directory / *names.begin()).string(),
             ": the file (or the same with .gz) was expected there; the set is "
             "not complete without it"));
}

[[nodiscard]] inline data_split load_idx(const std::filesystem::path& directory,
                                         const data_limit& limit) {
  const std::string train_images =
      need_file(directory, {"train-images-idx3-ubyte", "train-images.idx3-ubyte"});
  const std::string train_labels =
      need_file(directory, {"train-labels-idx1-ubyte", "train-labels.idx1-ubyte"});
  const std::string test_images =
      need_file(directory, {"t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"});
  const std::string test_labels =
      need_file(directory, {"t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"});
  return {read_idx(train_images, train_labels, limit.train),
          read_idx(test_images, test_labels, limit.test)};
}

[[nodiscard]] inline std::vector<std::string> cifar10_batches(
    const std::filesystem::path& directory) {
  std::vector<std::string> paths;
  for (int number = 1; number <= 5; ++number) {
    const std::string name = joined("data_batch_", number, ".bin");
    if (const auto path = find_file(directory, {name.c_str()})) paths.push_back(*path);
  }
  return paths;
}

inline void check_same_shape(const std::filesystem::path& directory, const data_split& data) {
  const dataset& train = data.train;
  const dataset& test = data.test;
  if (train.height == test.height && train.width == test.width) return;
  throw prunus::file_error(
      prunus::errc::malformed,
      joined(directory.string(), ": training and test images of one size were expected, got ",
             train.height, " x ", train.width, " and ", test.height, " x ", test.width));
}

}  // namespace detail

/// Loads a set of images from a folder, which is recognised by its file names: MNIST and
/// Fashion-MNIST (four IDX files) or CIFAR-10 (data_batch_1.bin to data_batch_5.bin, as many as
/// there are, and test_batch.bin), each plain or gzip-compressed. The name is that of the folder.
///
/// @throws prunus::argument_error out_of_range: a limit below 1
/// @throws prunus::file_error cannot_open: no such set there, or a file is missing; truncated,
///         malformed: see read_idx and read_cifar10
[[nodiscard]] inline data_split load_dataset(const std::string& directory,
                                             const data_limit& limit = {}) {
  if (limit.train < 1 || limit.test < 1) {
    throw prunus::argument_error(
        prunus::errc::out_of_range,
        joined("load_dataset: limits must be at least 1, got ", limit.train, " and ", limit.test));
  }
  const std::filesystem::path folder(directory);
  data_split data;
  if (detail::find_file(folder, {"train-images-idx3-ubyte", "train-images.idx3-ubyte"})) {
    data = detail::load_idx(folder, limit);
  } else if (const auto batches = detail::cifar10_batches(folder); !batches.empty()) {
    const std::string test = detail::need_file(folder, {"test_batch.bin"});
    data = {read_cifar10(batches, limit.train), read_cifar10({&test, 1}, limit.test)};
  } else {
    throw prunus::file_error(
        prunus::errc::cannot_open,
        joined(directory,
               ": a folder with train-images-idx3-ubyte (MNIST, Fashion-MNIST) "
               "or data_batch_1.bin (CIFAR-10), plain or .gz, was expected; "
               "name the folder that holds the files themselves"));
  }
  detail::check_same_shape(folder, data);
  const std::filesystem::path named = folder.has_filename() ? folder : folder.parent_path();
  data.train.name = data.test.name = named.filename().string();
  return data;
}

/// Where to read images from: what the user asked for, else the environment variable PRUNUS_DATA,
/// else nothing, which stands for the built-in digits.
[[nodiscard]] inline std::string data_directory(const std::string& option) {
  if (!option.empty()) return option;
  const char* const from_environment = std::getenv("PRUNUS_DATA");
  return from_environment != nullptr ? from_environment : "";
}

/// The set in that folder, or built-in digits where the name is empty: 10,000 to learn from and
/// 2,000 to be tested on, fewer if limited.
/// @throws as load_dataset
[[nodiscard]] inline data_split load_or_draw(const std::string& directory,
                                             const data_limit& limit = {}) {
  if (!directory.empty()) return load_dataset(directory, limit);
  return draw_digit_split(std::min<std::ptrdiff_t>(limit.train, 10000),
                          std::min<std::ptrdiff_t>(limit.test, 2000));
}

}  // namespace prunus_examples
