// SPDX-License-Identifier: MIT
#pragma once

// Door to declared graphs, counts, couplings, plans and compaction.

#include <prunus/structure/channel_map.hpp>
#include <prunus/structure/channel_value.hpp>
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/constant_inputs.hpp>
#include <prunus/structure/cost.hpp>
#include <prunus/structure/coupling.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/kept_channels.hpp>
#include <prunus/structure/network_structure.hpp>
#include <prunus/structure/node_description.hpp>
#include <prunus/structure/operation.hpp>
#include <prunus/structure/operations/activation.hpp>
#include <prunus/structure/operations/add.hpp>
#include <prunus/structure/operations/attention.hpp>
#include <prunus/structure/operations/batch_norm.hpp>
#include <prunus/structure/operations/concat.hpp>
#include <prunus/structure/operations/convolution.hpp>
#include <prunus/structure/operations/dropout.hpp>
#include <prunus/structure/operations/embedding.hpp>
#include <prunus/structure/operations/flatten.hpp>
#include <prunus/structure/operations/global_pooling.hpp>
#include <prunus/structure/operations/input.hpp>
#include <prunus/structure/operations/layer_norm.hpp>
#include <prunus/structure/operations/linear.hpp>
#include <prunus/structure/operations/merge_heads.hpp>
#include <prunus/structure/operations/multiply.hpp>
#include <prunus/structure/operations/opaque.hpp>
#include <prunus/structure/operations/pad_channels.hpp>
#include <prunus/structure/operations/pooling.hpp>
#include <prunus/structure/operations/position_embedding.hpp>
#include <prunus/structure/operations/split_heads.hpp>
#include <prunus/structure/operations/upsampling.hpp>
#include <prunus/structure/parameter_declaration.hpp>
#include <prunus/structure/plan.hpp>
#include <prunus/structure/plan_removal.hpp>
#include <prunus/structure/plan_text.hpp>
#include <prunus/structure/resolve.hpp>
#include <prunus/structure/tensor_reader.hpp>
#include <prunus/structure/tensor_shape.hpp>
