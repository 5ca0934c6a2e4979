import com.fasterxml.jackson.databind.ObjectReader;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;

/** The lines of the input, gzip or plain, in memory before any clock starts; static, as cluster and job share the process. */
class InputLines {
  private static byte[] bytes;
  /** Where each line ends, without its line feed. */
  private static int[] ends;

  static void read(Path file) throws IOException {
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
      in.mark(2);
      boolean isGzip = in.read() == 0x1f && in.read() == 0x8b;
      in.reset();
      bytes = (isGzip ? new GZIPInputStream(in) : in).readAllBytes();
    }
    ends = new int[1024];
    int lines = 0;
    for (int at = 0; at < bytes.length; at++) {
      if (bytes[at] != '\n' && at < bytes.length - 1) continue;
      if (lines == ends.length) ends = Arrays.copyOf(ends, 2 * lines);
      ends[lines++] = bytes[at] == '\n' ? at : at + 1;
    }
    ends = Arrays.copyOf(ends, lines);
  }

  static int count() {
    return ends.length;
  }

  static <Line> Line parse(ObjectReader reader, int number) throws IOException {
    int start = number == 0 ? 0 : ends[number - 1] + 1;
    return reader.readValue(bytes, start, ends[number] - start);
  }
}
