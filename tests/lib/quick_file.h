/* quick_file.h - the system's file calls, without the syncs: for tests in which no power goes.
 *
 * Also the layer below a faulty_file, whose crashes do not depend on what the disk has seen. */
#ifndef WEIR_TESTS_LIB_QUICK_FILE_H
#define WEIR_TESTS_LIB_QUICK_FILE_H

#include "sidecar/base/file.h"

const struct file_ops *quick_file_ops(void);

#endif
