# Statistics of time courses as a biologist would run them, in R.
#
#     Rscript experiments/time_course_statistics.R FOLDER
#
# The script of the same name in Python writes the tables into FOLDER, calls this one and
# stores what it finds. Made with R 4.2, limma 3.54.1 and DESeq2 1.38.3.

suppressPackageStartupMessages({
  library(limma)
  library(splines)
  library(DESeq2)
})
folder <- commandArgs(trailingOnly = TRUE)[1]
read_table <- function(name) {
  as.matrix(read.csv(file.path(folder, name), row.names = 1, check.names = FALSE))
}
read_samples <- function(name) {
  read.csv(file.path(folder, name), row.names = 1, stringsAsFactors = TRUE)
}
write_table <- function(table, name) {
  write.csv(table, file.path(folder, name), row.names = FALSE)
}

# limma: does the course of a gene differ between the groups? Splines in time, the
# interaction tested; each person has a level of their own (block).
spline_test <- function(values, samples, ill) {
  curve <- ns(samples$hours, df = 4)
  design <- model.matrix(~ subject + curve + curve:ill, data.frame(samples, ill = ill))
  fit <- eBayes(lmFit(values, design))
  tested <- grep(":ill", colnames(design))
  found <- topTable(fit, coef = tested, number = Inf, sort.by = "none")
  data.frame(
    gene = rownames(values), F = found$F, p = found$P.Value,
    adjusted_p = found$adj.P.Val
  )
}

# limma: two groups at one hour, one sample a person.
hour_test <- function(values, ill) {
  fit <- eBayes(lmFit(values, model.matrix(~ ill)))
  topTable(fit, coef = 2, number = Inf, sort.by = "none")$adj.P.Val
}

values <- read_table("influenza_values.csv") # gene x sample
samples <- read_samples("influenza_samples.csv")
write_table(spline_test(values, samples, samples$symptomatic), "limma_splines.csv")
labellings <- read_table("influenza_labellings.csv") # sample x labelling
permuted <- lapply(seq_len(ncol(labellings)), function(k) {
  found <- spline_test(values, samples, labellings[, k])
  data.frame(
    labelling = k, n_significant = sum(found$adjusted_p < 0.05),
    smallest_p = min(found$p)
  )
})
write_table(do.call(rbind, permuted), "limma_permuted.csv")

first <- samples$hours == 0
own_first <- match(samples$subject, samples$subject[first])
changes <- values - values[, first][, own_first]
hours <- sort(unique(samples$hours))
by_hour <- lapply(hours, function(hour) {
  at <- samples$hours == hour
  ill <- samples$symptomatic[at]
  change <- if (hour == 0) NA else hour_test(changes[, at], ill)
  data.frame(
    gene = rownames(values), hours = hour,
    level = hour_test(values[, at], ill), change = change
  )
})
write_table(do.call(rbind, by_hour), "limma_hours.csv")

# DESeq2: likelihood-ratio tests.
likelihood_ratio <- function(counts, samples, full, reduced) {
  data <- DESeqDataSetFromMatrix(round(counts), samples, full)
  data <- DESeq(data, test = "LRT", reduced = reduced, quiet = TRUE)
  found <- results(data)
  data.frame(
    gene = rownames(found), statistic = found$stat, p = found$pvalue,
    adjusted_p = found$padj
  )
}

for (name in sub("_counts.csv$", "", list.files(folder, "^simulated.*_counts.csv$"))) {
  samples <- read_samples(paste0(name, "_samples.csv"))
  samples$time <- factor(samples$time)
  found <- likelihood_ratio(
    read_table(paste0(name, "_counts.csv")), samples,
    ~ group + time + group:time, ~ group + time
  )
  write_table(found, paste0(name, "_tests.csv"))
}

counts <- read_table("airway_counts.csv")
samples <- read_samples("airway_samples.csv")
paired <- likelihood_ratio(counts, samples, ~ cell_line + treatment, ~cell_line)
unpaired <- likelihood_ratio(counts, samples, ~treatment, ~1)
write_table(
  rbind(cbind(design = "paired", paired), cbind(design = "unpaired", unpaired)),
  "airway_tests.csv"
)
versions <- sapply(c("limma", "DESeq2"), function(p) as.character(packageVersion(p)))
write_table(
  data.frame(package = c("R", names(versions)),
             version = c(paste(R.version$major, R.version$minor, sep = "."), versions)),
  "versions.csv"
)
