// SPDX-License-Identifier: MIT
#pragma once

// Door to the small network that trains on a CPU.

