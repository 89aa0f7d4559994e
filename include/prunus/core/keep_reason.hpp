// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>  // std::uint8_t

namespace prunus {
inline namespace v0 {

/// Why a channel stays although it is dead, or although the caller named it.
enum class keep_reason : std::uint8_t {
  zero_padding,       ///< a constant other than zero meets zero padding and varies at the border
  layer_norm,         ///< it counts in the mean and variance of a layer normalisation
  partly_alive,       ///< another member of its unit is alive and is read
  last_of_layer,      ///< the layer would be left without channels
  output_of_network,  ///< it is a result of the network, or tied to one
  input_of_network,   ///< it is tied to an input of the network
  opaque              ///< an operation that nobody can analyse takes or makes it
};

}  // namespace v0
}  // namespace prunus
