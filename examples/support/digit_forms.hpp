// SPDX-License-Identifier: MIT
#pragma once

#include <array>             // std::array
#include <cstddef>           // std::size_t
#include <initializer_list>  // std::initializer_list
#include <span>              // std::span

namespace prunus_examples::detail {

struct point {
  double x = 0;
  double y = 0;
};

/// Up to so many elements in place, for constants.
template <class Element, std::size_t Capacity>
class short_list {
 public:
  constexpr short_list() = default;
  constexpr short_list(std::initializer_list<Element> elements) {
    for (const Element& element : elements) elements_[size_++] = element;
  }
  [[nodiscard]] constexpr const Element* begin() const noexcept { return elements_.data(); }
  [[nodiscard]] constexpr const Element* end() const noexcept { return elements_.data() + size_; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  [[nodiscard]] constexpr const Element& operator[](std::size_t i) const { return elements_[i]; }

 private:
  std::array<Element, Capacity> elements_{};
  std::size_t size_ = 0;
};

/// Points that the pen passes in a smooth curve; a sharp corner is where one stroke ends and the
/// next begins.
using stroke = short_list<point, 13>;

/// One way to write a digit, in a box of height 1: x to the right, y down.
struct digit_form {
  int digit = 0;
  short_list<stroke, 3> strokes;
};

// clang-format off
inline constexpr std::array digit_forms{
    // A closed oval, and one that does not quite close.
    digit_form{0, {{{.50, .00}, {.28, .13}, {.20, .50}, {.28, .87}, {.50, 1.0}, {.72, .87},
                    {.80, .50}, {.72, .13}, {.50, .00}}}},
    digit_form{0, {{{.60, .03}, {.38, .06}, {.24, .32}, {.22, .68}, {.38, .96}, {.60, .95},
                    {.76, .66}, {.77, .30}, {.66, .08}, {.48, .07}}}},
    // A bar, one with a flag, one with a foot as well.
    digit_form{1, {{{.50, .00}, {.50, .50}, {.50, 1.0}}}},
    digit_form{1, {{{.32, .22}, {.42, .13}, {.53, .00}},
                   {{.53, .00}, {.52, .50}, {.52, 1.0}}}},
    digit_form{1, {{{.32, .20}, {.42, .12}, {.52, .00}},
                   {{.52, .00}, {.51, .50}, {.51, 1.0}},
                   {{.30, 1.0}, {.51, 1.0}, {.72, .99}}}},
    // A flat foot, and a loop in its place.
    digit_form{2, {{{.22, .24}, {.33, .05}, {.55, .00}, {.75, .14}, {.73, .36}, {.55, .62},
                    {.37, .82}, {.20, 1.0}},
                   {{.20, 1.0}, {.50, .97}, {.82, .98}}}},
    digit_form{2, {{{.24, .20}, {.42, .01}, {.68, .07}, {.75, .30}, {.58, .64}, {.36, .91},
                    {.21, .94}, {.23, .81}, {.42, .83}, {.62, .97}, {.84, .93}}}},
    // Two bows, and a flat top over one.
    digit_form{3, {{{.24, .13}, {.45, .00}, {.69, .08}, {.73, .27}, {.60, .42}, {.40, .47}},
                   {{.40, .47}, {.66, .54}, {.79, .73}, {.68, .94}, {.43, 1.0}, {.20, .88}}}},
    digit_form{3, {{{.24, .03}, {.50, .02}, {.76, .02}},
                   {{.76, .02}, {.60, .22}, {.44, .40}},
                   {{.44, .40}, {.70, .46}, {.80, .70}, {.66, .95}, {.40, 1.0}, {.20, .88}}}},
    // Open with corners, closed, open with a bow.
    digit_form{4, {{{.28, .00}, {.25, .30}, {.20, .58}},
                   {{.20, .58}, {.50, .57}, {.82, .55}},
                   {{.68, .10}, {.66, .50}, {.64, 1.0}}}},
    digit_form{4, {{{.62, .00}, {.42, .30}, {.18, .66}},
                   {{.18, .66}, {.50, .65}, {.84, .63}},
                   {{.62, .00}, {.62, .50}, {.62, 1.0}}}},
    digit_form{4, {{{.29, .04}, {.24, .32}, {.35, .51}, {.56, .50}, {.72, .36}},
                   {{.75, .02}, {.70, .45}, {.62, 1.0}}}},
    // Roof, neck and bow; and all in one flow.
    digit_form{5, {{{.74, .02}, {.52, .03}, {.30, .02}},
                   {{.30, .02}, {.27, .22}, {.25, .45}},
                   {{.25, .45}, {.46, .37}, {.70, .44}, {.79, .66}, {.68, .90}, {.44, 1.0},
                    {.20, .90}}}},
    digit_form{5, {{{.78, .03}, {.54, .02}, {.35, .11}, {.32, .32}, {.52, .43}, {.72, .56},
                    {.74, .80}, {.54, .98}, {.24, .94}}}},
    // A round back, and a straight one.
    digit_form{6, {{{.66, .02}, {.42, .16}, {.26, .42}, {.20, .70}, {.32, .94}, {.54, 1.0},
                    {.74, .86}, {.74, .64}, {.58, .50}, {.38, .55}, {.23, .74}}}},
    digit_form{6, {{{.50, .00}, {.34, .30}, {.23, .64}, {.30, .91}, {.50, 1.0}, {.72, .90},
                    {.76, .70}, {.60, .56}, {.40, .60}, {.25, .76}}}},
    // Plain, with a bar, with a serif.
    digit_form{7, {{{.20, .04}, {.50, .04}, {.80, .02}},
                   {{.80, .02}, {.60, .42}, {.44, 1.0}}}},
    digit_form{7, {{{.20, .05}, {.50, .04}, {.78, .03}},
                   {{.78, .03}, {.60, .42}, {.46, 1.0}},
                   {{.36, .51}, {.55, .49}, {.74, .47}}}},
    digit_form{7, {{{.20, .18}, {.20, .10}, {.22, .03}},
                   {{.22, .03}, {.50, .07}, {.80, .02}},
                   {{.80, .02}, {.62, .34}, {.51, .66}, {.48, 1.0}}}},
    // In one stroke that crosses itself, and as two rings.
    digit_form{8, {{{.69, .14}, {.49, .00}, {.29, .10}, {.31, .30}, {.50, .46}, {.71, .64},
                    {.75, .86}, {.50, 1.0}, {.25, .87}, {.28, .66}, {.50, .48}, {.70, .32},
                    {.69, .14}}}},
    digit_form{8, {{{.50, .00}, {.31, .10}, {.31, .34}, {.50, .45}, {.69, .34}, {.69, .10},
                    {.50, .00}},
                   {{.50, .45}, {.25, .58}, {.23, .86}, {.50, 1.0}, {.77, .86}, {.75, .58},
                    {.50, .45}}}},
    // A straight stem, and a curled one.
    digit_form{9, {{{.72, .16}, {.52, .00}, {.30, .08}, {.24, .30}, {.38, .47}, {.58, .42},
                    {.72, .20}},
                   {{.74, .08}, {.72, .40}, {.68, .70}, {.60, 1.0}}}},
    digit_form{9, {{{.73, .18}, {.55, .01}, {.32, .08}, {.24, .28}, {.36, .47}, {.57, .45},
                    {.73, .22}},
                   {{.74, .10}, {.76, .50}, {.66, .86}, {.46, 1.0}, {.26, .92}}}},
};
// clang-format on

/// All the ways to write that digit, which stand together above.
[[nodiscard]] constexpr std::span<const digit_form> forms_of(int digit) {
  std::size_t first = 0;
  while (digit_forms[first].digit != digit) ++first;
  std::size_t last = first;
  while (last < digit_forms.size() && digit_forms[last].digit == digit) ++last;
  return std::span(digit_forms).subspan(first, last - first);
}

}  // namespace prunus_examples::detail
