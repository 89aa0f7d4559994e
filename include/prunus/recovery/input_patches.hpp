// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/observe/input_correlation.hpp>
#include <prunus/observe/target_correlation.hpp>
#include <prunus/runtime/convolution_shape.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::min
#include <concepts>   // std::floating_point
#include <cstddef>    // std::size_t
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

namespace detail {

/// Copies the patch of one output position, in x height x width, zero where it hangs over the edge.
template <class S>
void copy_patch(const S* image, const convolution_shape& shape, Index row, Index column, S* to) {
  const Index top = row * shape.stride_height - shape.padding_height;
  const Index left = column * shape.stride_width - shape.padding_width;
  for (Index c = 0; c < shape.in_channels; ++c)
    for (Index h = top; h < top + shape.kernel_height; ++h)
      for (Index w = left; w < left + shape.kernel_width; ++w) {
        const bool inside = h >= 0 && h < shape.height && w >= 0 && w < shape.width;
        *to++ = inside ? image[(c * shape.height + h) * shape.width + w] : S(0);
      }
}

}  // namespace detail

namespace detail {

/// Calls `use(patches, first, count)` with the patches of `count` output positions at a time, from
/// position `first` on, counted through the batch.
/// @throws as add_patches
template <std::floating_point S, class Use>
void for_each_patches(std::span<const S> images, Index batch, const convolution_shape& shape,
                      Index expected_inputs, const Use& use) {
  validate(shape);
  if (shape.groups != 1)
    throw argument_error(
        errc::unsupported,
        concat("add_patches: the convolution has ", shape.groups,
               " groups, whose filters read different inputs; gather ", "each group by itself"));
  if (batch < 0 || static_cast<Index>(images.size()) != batch * shape.in_size() ||
      expected_inputs != shape.row_size())
    throw shape_error(errc::shape_mismatch,
                      concat("add_patches: ", images.size(), " numbers for ", batch, " images of ",
                             shape.in_size(), ", and a correlation of ", expected_inputs,
                             " inputs for patches of ", shape.row_size()));
  using values = Eigen::Array<S, Eigen::Dynamic, 1>;
  if (!Eigen::Map<const values>(images.data(), batch * shape.in_size()).allFinite())
    throw value_error(errc::not_finite, "add_patches: an input is not finite");

  const Index size = shape.row_size(), positions = shape.out_height() * shape.out_width();
  const Index total = batch * positions, together = std::min<Index>(total, 256);
  std::vector<S> patches(static_cast<std::size_t>(together * size));
  for (Index first = 0; first < total; first += together) {
    const Index count = std::min(together, total - first);
    for (Index k = 0; k < count; ++k) {
      const Index image = (first + k) / positions, position = (first + k) % positions;
      copy_patch(images.data() + image * shape.in_size(), shape, position / shape.out_width(),
                 position % shape.out_width(), patches.data() + k * size);
    }
    use(std::span<const S>(patches.data(), static_cast<std::size_t>(count * size)), first, count);
  }
}

}  // namespace detail

/// Adds every patch that a convolution reads from a batch of images to the correlation of its
/// inputs: one for each position of the output, zeros of the padding included.
/// @shape images: [batch, C, H, W] row-major; correlation: C x kernel height x kernel width inputs
/// @throws what `validate` throws; argument_error (unsupported: groups), shape_error
///         (shape_mismatch), value_error (not_finite); nothing is then added
/// Cost: that of input_correlation::add. Allocates at most 256 patches.
template <std::floating_point T, std::floating_point S>
void add_patches(input_correlation<T>& correlation, std::span<const S> images, Index batch,
                 const convolution_shape& shape) {
  detail::for_each_patches(
      images, batch, shape, correlation.inputs(),
      [&](std::span<const S> patches, Index, Index) { correlation.add(patches); });
}

/// The same with the output that the convolution should have at every position.
/// @shape targets: [batch, out channels, H', W'] row-major; correlation: as many outputs as the
/// convolution has channels
/// @throws as above, of the targets too
/// Cost: that of target_correlation::add. Allocates at most 256 patches and targets.
template <std::floating_point T, std::floating_point S>
void add_patches(target_correlation<T>& correlation, std::span<const S> images,
                 std::span<const S> targets, Index batch, const convolution_shape& shape) {
  const Index outputs = correlation.outputs();
  validate(shape);
  if (outputs != shape.out_channels ||
      static_cast<Index>(targets.size()) != batch * shape.out_size())
    throw shape_error(errc::shape_mismatch,
                      detail::concat("add_patches: ", targets.size(), " targets of ", outputs,
                                     " outputs for ", batch, " images of ", shape.out_size()));
  using values = Eigen::Array<S, Eigen::Dynamic, 1>;
  if (!Eigen::Map<const values>(targets.data(), batch * shape.out_size()).allFinite())
    throw value_error(errc::not_finite, "add_patches: a target is not finite");
  const Index positions = shape.out_height() * shape.out_width();
  std::vector<S> vectors(
      static_cast<std::size_t>(std::min<Index>(batch * positions, 256) * outputs));
  detail::for_each_patches(
      images, batch, shape, correlation.inputs(),
      [&](std::span<const S> patches, Index first, Index count) {
        for (Index k = 0; k < count; ++k) {
          const Index image = (first + k) / positions, position = (first + k) % positions;
          for (Index o = 0; o < outputs; ++o)
            vectors[static_cast<std::size_t>(k * outputs + o)] =
                targets[static_cast<std::size_t>((image * outputs + o) * positions + position)];
        }
        correlation.add(
            patches, std::span<const S>(vectors.data(), static_cast<std::size_t>(count * outputs)));
      });
}

}  // namespace v0
}  // namespace prunus
