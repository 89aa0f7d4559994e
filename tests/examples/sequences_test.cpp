// SPDX-License-Identifier: MIT
#include "data_files.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temporary_folder.hpp"

#include <examples/support/file_output.hpp>
#include <examples/support/sequences.hpp>

#include <array>       // std::array
#include <cmath>       // std::sqrt
#include <cstddef>     // std::size_t
#include <cstdint>     // std::uint64_t
#include <cstring>     // std::memcpy
#include <filesystem>  // std::filesystem::create_directories
#include <set>         // std::set
#include <string>      // std::string
#include <vector>      // std::vector

using namespace prunus_examples;

namespace {

/// Three utterances of two frames and two bands; the last one is for testing.
std::string spoken_digits(const std::string& takes = bytes({7, 5, 4}),
                          const std::string& digits = bytes({9, 0, 3}),
                          const std::string& digit_type = "U8") {
  const std::string head = R"({"features":{"dtype":"F32","shape":[3,2,2],"data_offsets":[0,48]},)"
                           R"("digit":{"dtype":")" +
                           digit_type +
                           R"(","shape":[3],"data_offsets":[48,51]},)"
                           R"("take":{"dtype":"U8","shape":[)" +
                           std::to_string(takes.size()) + R"(],"data_offsets":[51,)" +
                           std::to_string(51 + takes.size()) + "]}}";
  std::string text(8, '\0');
  for (std::size_t i = 0; i < 8; ++i)
    text[i] = static_cast<char>(static_cast<std::uint64_t>(head.size()) >> (8 * i));
  text += head;
  for (int i = 0; i < 12; ++i) {
    const float value = static_cast<float>(i);
    std::array<char, 4> four{};
    std::memcpy(four.data(), &value, 4);
    text.append(four.data(), 4);
  }
  return text + digits + takes;
}

}  // namespace

TEST_CASE("word pairs hold one first and one second word, and the label of their pair",
          "[examples][sequences]") {
  const dataset set = draw_word_pairs(300, 1);
  CHECK(set.size() == 300);
  CHECK(set.pixels() == word_pairs::positions);
  std::set<int> pairs;
  for (std::ptrdiff_t i = 0; i < set.size(); ++i) {
    int first = -1, second = -1, fillers = 0;
    for (float word : set.image(i)) {
      const int token = static_cast<int>(word);
      REQUIRE(static_cast<float>(token) == word);
      REQUIRE(token < word_pairs::vocabulary);
      if (token < word_pairs::kinds)
        first = token;
      else if (token < 2 * word_pairs::kinds)
        second = token - word_pairs::kinds;
      else
        ++fillers;
    }
    REQUIRE(fillers == word_pairs::positions - 2);
    REQUIRE(set.labels[static_cast<std::size_t>(i)] == word_pairs::class_of(first, second));
    pairs.insert(first * word_pairs::kinds + second);
  }
  CHECK(pairs.size() > 55);
  CHECK(draw_word_pairs(10, 4).images == draw_word_pairs(10, 4).images);
  CHECK(draw_word_pairs(10, 4).images != draw_word_pairs(10, 5).images);
  CHECK(support::code_of<prunus::argument_error>(
            [] { static_cast<void>(draw_word_pairs(0, 1)); }) == prunus::errc::out_of_range);
}

TEST_CASE("no word alone tells the class", "[examples][sequences]") {
  for (int word = 0; word < word_pairs::kinds; ++word) {
    std::set<int> of_first, of_second;
    for (int other = 0; other < word_pairs::kinds; ++other) {
      of_first.insert(word_pairs::class_of(word, other));
      of_second.insert(word_pairs::class_of(other, word));
    }
    CHECK(of_first.size() >= 3);
    CHECK(of_second.size() >= 3);
  }
}

TEST_CASE("spoken digits become channels of bands and positions of frames",
          "[examples][sequences]") {
  const temporary_folder folder("spoken");
  CHECK_FALSE(find_spoken_digits(folder.path()));
  CHECK_FALSE(find_spoken_digits(""));
  const std::string path = folder / "fsdd_logmel_32x24.safetensors";
  write_file(path, spoken_digits());
  REQUIRE(find_spoken_digits(folder.path()) == path);
  const data_split data = load_spoken_digits(path);
  CHECK(data.train.labels == std::vector<int>{9, 0});
  CHECK(data.test.labels == std::vector<int>{3});
  CHECK(data.train.channels == 2);
  CHECK(data.train.height == 2);
  // Band 0 of the training set is 0, 2, 4, 6: mean 3, variance 5; band 1 is one more.
  const std::vector<double> expected{-3, -1, -3, -1, 1, 3, 1, 3};
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(static_cast<double>(data.train.images[i]) == Approx(expected[i] / std::sqrt(5.0)));
  CHECK(load_spoken_digits(path, {.train = 1}).train.size() == 1);
  CHECK(load_or_draw_sequences(folder.path()).vocabulary == 0);
  CHECK(load_or_draw_sequences("", {20, 10}).vocabulary == word_pairs::vocabulary);
  CHECK(load_or_draw_sequences("", {20, 10}).data.train.size() == 20);

  write_file(path, spoken_digits(bytes({7, 5})));
  CHECK(support::code_of<prunus::shape_error>(
            [&] { static_cast<void>(load_spoken_digits(path)); }) == prunus::errc::shape_mismatch);
  for (const int digit : {10, -1}) {
    write_file(path, spoken_digits(bytes({7, 5, 4}), bytes({9, digit, 3}), "I8"));
    CHECK(support::code_of<prunus::file_error>(
              [&] { static_cast<void>(load_spoken_digits(path)); }) == prunus::errc::malformed);
  }
}

TEST_CASE("spoken digits are found in a folder of their own", "[examples][sequences]") {
  const temporary_folder folder("spoken2");
  std::filesystem::create_directories(folder / "fsdd");
  write_file(folder / "fsdd/fsdd_logmel_32x24.safetensors", spoken_digits());
  CHECK(find_spoken_digits(folder.path()));
}
