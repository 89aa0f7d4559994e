// SPDX-License-Identifier: MIT
#pragma once

// Door to files of other tools. Needs nlohmann_json; not part of the umbrella.

#include <prunus/io/safetensors.hpp>
#include <prunus/io/stored_type.hpp>
