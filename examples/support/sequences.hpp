// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/io/safetensors.hpp>

#include "counter_random.hpp"
#include "dataset.hpp"
#include "text.hpp"

#include <algorithm>     // std::min
#include <array>         // std::array
#include <cstddef>       // std::ptrdiff_t, std::size_t
#include <cstdint>       // std::int64_t, std::uint64_t
#include <filesystem>    // std::filesystem::path, std::filesystem::is_regular_file
#include <optional>      // std::optional
#include <string>        // std::string
#include <system_error>  // std::error_code
#include <vector>        // std::vector

namespace prunus_examples {

/// Sequences as a data set: `height` is the number of positions, `width` is 1. Tokens have one
/// channel, feature vectors one for each feature.
struct sequence_split {
  data_split data = {};
  std::ptrdiff_t vocabulary = 0;  ///< 0: feature vectors
};

/// The built-in task: somewhere among words that mean nothing stand one of eight first words and
/// one of eight second words; a secret table says which of six classes each pair belongs to. No
/// word alone tells anything, so that a network has to bring the two together and to learn the
/// table by heart.
struct word_pairs {
  static constexpr int positions = 12, kinds = 8, fillers = 12, classes = 6;
  static constexpr int vocabulary = 2 * kinds + fillers;

  /// The class of a pair; every row and every column of the table holds many classes.
  [[nodiscard]] static int class_of(int first, int second) {
    counter_random random(2024, static_cast<std::uint64_t>(first * kinds + second));
    return random.below(classes);
  }
};

/// So many labelled sequences; the same for the same seed, and near seeds give unrelated ones.
/// @throws prunus::argument_error out_of_range: fewer than one
[[nodiscard]] inline dataset draw_word_pairs(std::ptrdiff_t count, std::uint64_t seed) {
  if (count < 1)
    throw prunus::argument_error(
        prunus::errc::out_of_range,
        joined("draw_word_pairs: at least 1 sequence was expected, got ", count));
  dataset result{.name = "word pairs",
                 .channels = 1,
                 .height = word_pairs::positions,
                 .width = 1,
                 .classes = word_pairs::classes};
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    counter_random random(seed, static_cast<std::uint64_t>(i));
    std::array<int, word_pairs::positions> words{};
    for (int& word : words) word = 2 * word_pairs::kinds + random.below(word_pairs::fillers);
    const int first = random.below(word_pairs::kinds), second = random.below(word_pairs::kinds);
    const int at = random.below(word_pairs::positions);
    const int behind = 1 + random.below(word_pairs::positions - 1);
    words[static_cast<std::size_t>(at)] = first;
    words[static_cast<std::size_t>((at + behind) % word_pairs::positions)] =
        word_pairs::kinds + second;
    for (const int word : words) result.images.push_back(static_cast<float>(word));
    result.labels.push_back(word_pairs::class_of(first, second));
  }
  return result;
}

/// The file of spoken digits in that folder, or in its folder fsdd.
[[nodiscard]] inline std::optional<std::string> find_spoken_digits(const std::string& directory) {
  for (const char* const folder : {"", "fsdd"}) {
    std::error_code ignored;
    const std::filesystem::path path =
        std::filesystem::path(directory) / folder / "fsdd_logmel_32x24.safetensors";
    if (!directory.empty() && std::filesystem::is_regular_file(path, ignored)) return path.string();
  }
  return std::nullopt;
}

/// Spoken digits: log-mel features [utterances, frames, bands] with a digit and the number of the
/// take for each, of which 0 to 4 are for testing. The bands become channels, the frames positions.
/// @throws prunus::file_error, prunus::argument_error: see read_safetensors and its tensors;
///         prunus::shape_error shape_mismatch: other shapes
[[nodiscard]] inline data_split load_spoken_digits(const std::string& path,
                                                   const data_limit& limit = {}) {
  const prunus::safetensors file = prunus::read_safetensors(path);
  const std::vector<float> features = file.values<float>("features");
  const auto digits = file.values<std::int64_t>("digit");
  const auto takes = file.values<std::int64_t>("take");
  const std::vector<Eigen::Index>& shape = file.find("features")->shape;
  if (shape.size() != 3 || shape[1] < 1 || shape[2] < 1 ||
      shape[0] != static_cast<Eigen::Index>(digits.size()) || digits.size() != takes.size())
    throw prunus::shape_error(
        prunus::errc::shape_mismatch,
        joined(path,
               ": features of three axes and a digit and a take for each utterance were "
               "expected"));
  const std::ptrdiff_t frames = shape[1], bands = shape[2];
  dataset empty{
      .name = "spoken digits", .channels = bands, .height = frames, .width = 1, .classes = 10};
  data_split result{empty, empty};
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const bool is_test = takes[i] < 5;
    dataset& to = is_test ? result.test : result.train;
    if (to.size() >= (is_test ? limit.test : limit.train)) continue;
    detail::check_label(path, static_cast<std::ptrdiff_t>(i), digits[i], 10);
    const float* from = features.data() + i * static_cast<std::size_t>(frames * bands);
    for (std::ptrdiff_t band = 0; band < bands; ++band)
      for (std::ptrdiff_t frame = 0; frame < frames; ++frame)
        to.images.push_back(from[frame * bands + band]);
    to.labels.push_back(static_cast<int>(digits[i]));
  }
  const channel_statistics statistics = measure_channels(result.train);
  normalise(result.train, statistics);
  normalise(result.test, statistics);
  return result;
}

/// Spoken digits where the folder has them, else the built-in task: 4,000 sequences to learn from
/// and 1,000 to be tested on, fewer if limited.
/// @throws as load_spoken_digits and draw_word_pairs
[[nodiscard]] inline sequence_split load_or_draw_sequences(const std::string& directory,
                                                           const data_limit& limit = {}) {
  if (const auto path = find_spoken_digits(directory)) return {load_spoken_digits(*path, limit), 0};
  return {{draw_word_pairs(std::min<std::ptrdiff_t>(limit.train, 4000), 1),
           draw_word_pairs(std::min<std::ptrdiff_t>(limit.test, 1000), 2)},
          word_pairs::vocabulary};
}

}  // namespace prunus_examples
