// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <array>        // std::array
#include <cstdint>      // std::uint8_t
#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// What an axis of a weight means. A 5-D weight keeps its depth merged with its height.
enum class axis : std::uint8_t { out, in, height, width };

/// The four axes as texts for messages.
[[nodiscard]] constexpr std::string_view name_of(axis a) noexcept {
  constexpr std::array<std::string_view, 4> names{"out", "in", "height", "width"};
  return names[static_cast<std::size_t>(a)];
}

/// Which index of a tensor means what, in the order in which the user writes the indices: "OIHW"
/// for PyTorch and ONNX, "HWIO" for Keras, "OHWI" for TFLite, "OI" for a linear layer, "O" for a
/// bias, "OIDHW" for 3-D convolutions.
///
/// Letters: O out, I in, D depth, H height, W width, each at most once; D stands directly before H.
/// Whether the storage is row-major or column-major is known from the Eigen type and is not part of
/// the layout. A wrong letter in a literal is a compile-time error; `layout::parse` checks texts
/// that are known at run time only.
class layout {
 public:
  template <std::size_t N>
  consteval layout(const char (&text)[N])
      : layout(std::string_view(text, N - 1)) {}  // NOLINT(google-explicit-constructor)

  /// The usual order for a tensor of `rank` 1 to 5: O, OI, OIW, OIHW, OIDHW.
  /// @throws shape_error (bad_layout) for another rank.
  [[nodiscard]] static constexpr layout of_rank(int rank) {
    constexpr std::array<std::string_view, 5> usual{"O", "OI", "OIW", "OIHW", "OIDHW"};
    if (rank < 1 || rank > 5)
      throw shape_error(errc::bad_layout,
                        detail::concat("layout: a weight has 1 to 5 axes, this one has ", rank));
    return layout(usual[static_cast<std::size_t>(rank - 1)]);
  }

  /// @throws shape_error (bad_layout) when `text` is no layout.
  [[nodiscard]] static constexpr layout parse(std::string_view text) { return layout(text); }

  [[nodiscard]] constexpr int rank() const noexcept { return rank_; }
  [[nodiscard]] constexpr std::string_view text() const noexcept {
    return {letters_.data(), static_cast<std::size_t>(rank_)};
  }
  friend constexpr bool operator==(const layout&, const layout&) = default;

 private:
  explicit constexpr layout(std::string_view text) : rank_(static_cast<int>(text.size())) {
    constexpr std::string_view letters = "OIDHW";
    bool good = !text.empty() && text.size() <= letters.size();
    for (std::size_t i = 0; good && i < text.size(); ++i)
      good = letters.find(text[i]) != letters.npos && text.find(text[i], i + 1) == text.npos &&
             (text[i] != 'D' || (i + 1 < text.size() && text[i + 1] == 'H'));
    if (!good)
      throw shape_error(
          errc::bad_layout,
          detail::concat("layout: \"", text, "\" is no layout; use each of O, I, D, H, W at most ",
                         "once, with D directly before H, for example \"OIHW\""));
    for (std::size_t i = 0; i < text.size(); ++i) letters_[i] = text[i];
  }

  std::array<char, 5> letters_{};
  int rank_;
};

}  // namespace v0
}  // namespace prunus
