// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/structure/graph.hpp>

#include <string>  // std::string

namespace prunus {
inline namespace v0 {
namespace nn {

/// The numbers of a transformer encoder that classifies sequences.
struct transformer_options {
  Index positions = 16;      ///< length of a sequence
  Index vocabulary = 0;      ///< sequences of that many different tokens; 0: of feature vectors
  Index input_features = 1;  ///< of each position, where there is no vocabulary
  Index features = 32;       ///< channels of the residual stream
  Index heads = 4;           ///< of each attention; they divide the features
  Index hidden = 64;         ///< units between the two layers of each feed-forward network
  Index blocks = 2;
  Index classes = 2;
  double dropout = 0;  ///< behind each attention and each feed-forward network
};

/// A transformer encoder with a classifier: tokens are embedded (or feature vectors projected) and
/// get learned positions; each block adds attention and then a feed-forward network with gelu,
/// each behind its own layer normalisation; the mean over the positions is classified.
///
/// Nodes: "sequence", "embedding", "positions"; "block1.norm1", "block1.query", "block1.key",
/// "block1.value", "block1.attention", "block1.projection", "block1.norm2", "block1.expand",
/// "block1.contract", ...; "norm", "pool", "classifier". The units of "block1.query" are heads,
/// those of "block1.expand" the hidden units of the feed-forward network: with the tile `filter`
/// both can be pruned and compacted. The features of the residual stream stay, as layer
/// normalisations count them all.
///
/// @shape sequence: [samples, 1, positions] token numbers, or [samples, input_features, positions]
/// @source A. Vaswani et al. 2017, arXiv:1706.03762; normalisation before each part: R. Xiong et
/// al. 2020, arXiv:2002.04745
/// @deviation learned positions, gelu (Hendrycks, Gimpel 2016, arXiv:1606.08415), an encoder alone
/// @throws argument_error (out_of_range: fewer than one block; heads that do not divide the
/// features); the other numbers are checked by `resolve`
[[nodiscard]] inline graph transformer_encoder(const transformer_options& options) {
  if (options.blocks < 1 || options.heads < 1 || options.features % options.heads != 0)
    throw argument_error(
        errc::out_of_range,
        prunus::detail::concat("transformer_encoder: ", options.blocks, " blocks and ",
                               options.heads, " heads for ", options.features,
                               " features; there must be 1 of each at least, and the heads divide "
                               "the features"));
  graph g;
  const Index features = options.features;
  std::string x;
  if (options.vocabulary > 0)
    x = g.embedding("embedding", g.input("sequence", {1, options.positions, 1}),
                    {options.vocabulary, features});
  else
    x = g.linear("embedding", g.input("sequence", {options.input_features, options.positions, 1}),
                 {.out_features = features});
  x = g.position_embedding("positions", x);
  const auto add_to_stream = [&](const std::string& name, std::string y) {
    if (options.dropout > 0) y = g.dropout(name + "_dropout", y, options.dropout);
    x = g.add(name, {x, y});
  };
  for (Index b = 1; b <= options.blocks; ++b) {
    const std::string at = prunus::detail::concat("block", b, ".");
    std::string y = g.layer_norm(at + "norm1", x);
    const std::string query = g.linear(at + "query", y, {.out_features = features}),
                      key = g.linear(at + "key", y, {.out_features = features}),
                      value = g.linear(at + "value", y, {.out_features = features});
    y = g.attention(at + "attention", query, key, value, options.heads);
    add_to_stream(at + "add1", g.linear(at + "projection", y, {.out_features = features}));
    y = g.linear(at + "expand", g.layer_norm(at + "norm2", x), {.out_features = options.hidden});
    y = g.activation(at + "gelu", y, {operation::activation_function::gelu});
    add_to_stream(at + "add2", g.linear(at + "contract", y, {.out_features = features}));
  }
  x = g.global_average_pooling("pool", g.layer_norm("norm", x));
  g.linear("classifier", x, {.out_features = options.classes});
  return g;
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
