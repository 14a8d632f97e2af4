// What the logs are told of a stream that has ended.

#pragma once

#include "pkernel/abi/log.h"

namespace pkernel::stream {

class stream;

// Views of the stream's own; they live until it is reset.
void fill_record(stream& s, pk_record& r);

}  // namespace pkernel::stream
